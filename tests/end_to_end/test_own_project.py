"""From the wheel, in an empty folder: a project is made, checked, deployed, used and tested, with nothing of the clone.

The environment sees the packages that these tests see, but for Sluice: that comes from the wheel.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from tests.end_to_end.from_wheel import environment_from_wheel, upgrade, wheel_of
from tests.end_to_end.new_shop import take_layers
from tests.end_to_end.running import exported
from tests.folders import ROOT

QUEUE = """
    from aws_cdk import aws_sqs

    aws_sqs.CfnQueue(own, "Mine", queue_name="mine")
"""
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"


@dataclass(frozen=True)
class Own:
    """A project made from the wheel, and the environment that has it."""

    bin: Path
    folder: Path

    def run(self, *command: str, timeout: float = 600, **environment: str) -> str:
        nobody = {"VIRTUAL_ENV", "PYTHONPATH", "JSII_NODE"}
        given = {name: value for name, value in os.environ.items() if name not in nobody and "AWS_" not in name}
        # Node is on no path: what needs it must bring it.
        given |= {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.folder.parent)} | environment
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder, env=given, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    folder = tmp_path_factory.mktemp("own")
    wheel, binaries = environment_from_wheel(folder)
    empty = folder / "an, empty one"
    empty.mkdir()
    Own(binaries, empty).run("sluice", "init", "shop")
    project = empty / "shop"
    (project / "wheels").mkdir()
    shutil.copy(wheel, project / "wheels")
    take_layers(project)
    return Own(binaries, project)


def test_nothing_of_the_clone_is_seen(own: Own) -> None:
    said = own.run("python", "-c", "import sluice.infra, localaws, sys; print(sys.path, list(sys.modules.values()))")
    assert str(ROOT / "sluice") not in said
    assert str(ROOT / "infra") not in said
    code = "from importlib.util import find_spec; print([n for n in ('infra', 'lambdas', 'glue_jobs') if find_spec(n)])"
    assert Own(own.bin, own.folder.parent).run("python", "-c", code) == "[]\n"
    assert " demo " not in own.run("sluice", "--help")


def test_the_requirements_of_a_new_project_name_the_wheel_in_it(own: Own) -> None:
    upgrade(own.bin, "--reinstall-package", "sluice", "-r", "requirements.txt", folder=own.folder)
    code = "from importlib.metadata import distribution as d; print(d('sluice').read_text('direct_url.json'))"
    assert "/shop/wheels/sluice-" in own.run("python", "-c", code)


@pytest.fixture(scope="module")
def running(own: Own) -> Iterator[dict[str, str]]:
    """The project as its owner changed it, on a local AWS: a stack of their own, region, tags, boundary."""
    app, declared = own.folder / "infra" / "app.py", own.folder / "environments.yaml"
    before = app.read_text(), declared.read_text()
    example = re.search(r"\n(    # .*\n)+", before[0])  # as a new project has it
    assert example is not None
    app.write_text(before[0].replace(example[0], re.sub("(?m)^    # ", "    ", example[0]) + QUEUE))
    region = f"region: eu-central-1\n    tags: {{team: sales}}\n    permissions_boundary: {BOUNDARY}"
    declared.write_text(before[1].replace("region: us-east-1", region, 1))
    try:
        said = own.run("sluice", "up", "--port", "0", "--detach")
        yield exported(said)
    finally:
        own.run("sluice", "down")
        app.write_text(before[0])
        declared.write_text(before[1])


@pytest.fixture(scope="module")
def delivered(own: Own, running: dict[str, str]) -> dict[str, str]:
    """The stacks' outputs, once the sample is delivered."""
    outputs: dict[str, str] = json.loads(own.run("sluice", "outputs", "--json", **running))
    client = boto3.client(
        "s3",
        endpoint_url=running["AWS_ENDPOINT_URL"],
        region_name=running["AWS_REGION"],
        aws_access_key_id=running["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=running["AWS_SECRET_ACCESS_KEY"],
    )
    sample = own.folder / "samples" / "visits.csv"
    client.upload_file(str(sample), outputs["LandingBucketName"], "visits/2026-01-01.csv")
    return outputs


def test_a_file_comes_to_answers_and_what_is_declared_acts(
    own: Own, running: dict[str, str], delivered: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in running.items():
        monkeypatch.setenv(name, value)
    assert running["AWS_REGION"] == "eu-central-1"
    outputs = delivered
    assert outputs["AthenaWorkGroupName"] == "shop-dev"
    own.run("sluice", "status", "--wait", **running)
    assert own.run("sluice", "query", "SELECT sum(visits) AS n FROM gold.daily_visits", **running).split()[-1] == "4"
    # Outside of the project the only one that is deployed is meant.
    elsewhere = Own(own.bin, own.folder.parent)
    assert json.loads(elsewhere.run("sluice", "outputs", "--json", **running)) == outputs
    # The stack of one's own, its tag, and the bound of each role.
    (mine,) = boto3.client("cloudformation").describe_stacks(StackName="shop-dev-own")["Stacks"]
    assert [each["OutputValue"] for each in mine["Outputs"]] == [outputs["LakeBucketName"]]
    queues = boto3.client("sqs")
    assert (
        queues.list_queue_tags(QueueUrl=queues.get_queue_url(QueueName="mine")["QueueUrl"])["Tags"]["team"] == "sales"
    )
    roles = boto3.client("iam")
    names = [role["RoleName"] for role in roles.list_roles()["Roles"] if role["RoleName"].startswith("shop-dev-")]
    assert len(names) > 10
    for name in names:
        assert roles.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY


WEEKLY = """{}
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sluice.transforms import transform


@transform(days="gold.daily_visits")
def pages(days: DataFrame) -> DataFrame:
    return days.groupBy("page").agg(F.sum("visits").cast("bigint").alias("visits"))
"""
COUNTRY = """      - name: country
        logicalType: string
        physicalType: string
        description: Where from.
slaProperties:"""


@pytest.fixture
def restored(own: Own) -> Iterator[Path]:
    """The project's folder; what a test changes in it is put back."""
    kinds = ("contracts/**/*", "glue_jobs/**/*.py")
    before = {path: path.read_text() for kind in kinds for path in own.folder.glob(kind) if path.is_file()}
    yield own.folder
    for path in (path for kind in kinds for path in own.folder.glob(kind) if path.is_file()):
        path.write_text(before[path]) if path in before else path.unlink()


def rows(own: Own, running: dict[str, str], sql: str) -> list[dict[str, object]]:
    own.run("sluice", "status", "--wait", **running)
    found: list[dict[str, object]] = json.loads(own.run("sluice", "query", sql, "--format", "json", **running))
    return found


@pytest.mark.proof
def test_what_is_declared_now_is_deployed_in_place_and_rows_are_kept(
    own: Own, running: dict[str, str], delivered: dict[str, str], restored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows(own, running, "SELECT count(*) AS n FROM bronze.visits") == [{"n": 4}]
    visits = restored / "contracts" / "visits.yaml"
    daily, function = (
        restored / name for name in ("contracts/gold/daily_visits.yaml", "glue_jobs/gold/daily_visits.py")
    )
    visits.write_text(visits.read_text().replace("slaProperties:", COUNTRY))
    function.write_text(function.read_text().replace('F.count("*")', '(F.count("*") * 10).cast("bigint")'))
    text = daily.read_text().replace("daily_visits", "pages")
    day, rest = text.index("      - name: day"), text.index("      - name: page")
    pages = re.sub(r"(?s)      - name: seconds.*?(?=\n\S|\Z)", "", text[:day] + text[rest:])
    (restored / "contracts" / "gold" / "pages.yaml").write_text(pages.replace("Position: 2", "Position: 1"))
    (restored / "glue_jobs" / "gold" / "pages.py").write_text(WEEKLY.format('"""``gold.pages``."""'))

    said = json.loads(own.run("sluice", "deploy", "--json"))  # without the export lines: the one that runs is meant

    assert said["deployed"]
    changes = [(each["table"], each["change"].split(";")[0]) for each in said["tables"]]
    assert changes == [
        ("bronze.visits", "new column country"), ("gold.daily_visits", "another transform"),
        ("gold.pages", "new table"),
    ]  # fmt: skip
    assert rows(own, running, "SELECT count(*) AS n, count(country) AS c FROM bronze.visits") == [{"n": 4, "c": 0}]
    assert rows(own, running, "SELECT sum(visits) AS n FROM gold.daily_visits") == [{"n": 40}]
    assert rows(own, running, "SELECT sum(visits) AS n FROM gold.pages") == [{"n": 40}]
    assert "Nothing to deploy" in own.run("sluice", "deploy", **running)

    visits.write_text(
        re.sub(
            r"(?s)name: page\n(.*?)string\n(.*?)string", r"name: page\n\1integer\n\2int", visits.read_text(), count=1
        )
    )
    for gone in ("contracts/gold/pages.yaml", "glue_jobs/gold/pages.py"):
        (restored / gone).unlink()
    function.write_text(function.read_text().replace('plain_page(F.col("page"))', 'F.col("page").cast("string")'))
    with pytest.raises(AssertionError) as refused:
        own.run("sluice", "deploy", **running)
    for text in ("column page from string to int", "gold.pages: no longer declared", "--accept-data-loss"):
        assert text in str(refused.value)
    # What is lost is said before, and how the rows come back is done below.
    for text in ("lost: all rows of the table", "a copy of it is", "`aws s3 cp --recursive`"):
        assert text in " ".join(str(refused.value).replace("\\n", " ").split())
    assert rows(own, running, "SELECT count(*) AS n FROM bronze.visits") == [{"n": 4}]

    assert "Deployed" in own.run("sluice", "deploy", "--accept-data-loss", **running)
    assert rows(own, running, "SELECT count(*) AS n FROM bronze.visits") == [{"n": 0}]
    assert rows(own, running, "SELECT sum(visits) AS n FROM gold.pages") == [{"n": 40}]
    body = b"visit_id,page,visited_at,seconds\nV9,7,2026-01-02T00:00:00Z,5\n"
    for name, value in running.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").put_object(Bucket=delivered["LandingBucketName"], Key="visits/new.csv", Body=body)
    assert rows(own, running, "SELECT page FROM bronze.visits") == [{"page": 7}]
    landing = f"s3://{delivered['LandingBucketName']}/visits/"
    subprocess.run(["aws", "s3", "cp", "--quiet", f"{landing}new.csv", f"{landing}again/new.csv"], check=True)
    assert rows(own, running, "SELECT page FROM bronze.visits") == [{"page": 7}, {"page": 7}]


def test_the_tests_of_a_new_project_pass(own: Own) -> None:
    assert re.search(r"4 passed", own.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider"))


@pytest.mark.proof
def test_a_project_upgrades_by_upgrading_the_package(own: Own, tmp_path: Path) -> None:
    packed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in packed.splitlines():
        if not name.startswith(("tests/", "docs/", "benchmarks/")):
            (tmp_path / "next" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / "next" / name)
    declared = tmp_path / "next" / "pyproject.toml"
    later = re.sub(r'^version = "\d+', 'version = "99', declared.read_text(), count=1, flags=re.MULTILINE)
    declared.write_text(later)
    said = tmp_path / "next" / "sluice" / "cli" / "commands" / "check.py"
    said.write_text(said.read_text().replace('sound.")', 'sound, says the later one.")'))
    mine = {path: path.read_bytes() for kind in ("*.py", "*.yaml") for path in own.folder.rglob(kind)}
    upgrade(own.bin, str(wheel_of(tmp_path / "next", tmp_path / "wheel")))
    assert own.run("sluice", "check") == "1 landing dataset and 1 transform are sound, says the later one.\n"
    assert "3 passed" in own.run("python", "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider")
    assert {path: path.read_bytes() for path in mine} == mine
