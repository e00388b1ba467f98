"""The job as it is deployed, on real Spark: its code from its assets, its arguments, and no more than its role may."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table

from infra.bundle import Bundle, layer_folder
from localaws.iam import enforcement
from localaws.server import LocalAws
from sluice.project import Project
from sluice.refresh.tables import described_run
from sluice.tables.files import snapshot_of
from tests.folders import CACHE, ENVIRONMENTS
from tests.infra.templates import synthesize

pytestmark = pytest.mark.spark
NOON = datetime.datetime(2026, 1, 1, 12)


@pytest.fixture(scope="module")
def deployed(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """The stacks with their real layer: deployment calls the function that makes the tables."""
    CACHE.mkdir(parents=True, exist_ok=True)
    real = Bundle(bundle.code, layer_folder(CACHE), bundle.transforms)
    cloud = synthesize(ENVIRONMENTS["dev"], project, real, tmp_path_factory.mktemp("assembly"))
    with LocalAws.start(scratch=tmp_path_factory.mktemp("aws")) as running:
        running.deploy(cloud.folder)
        yield running


@pytest.fixture
def catalog(deployed: LocalAws) -> Catalog:
    given = {"glue.endpoint": deployed.endpoint, "s3.endpoint": deployed.endpoint, "client.region": "us-east-1"}
    keys = {"client.access-key-id": "test", "client.secret-access-key": "test"}
    return load_catalog("lake", **{"type": "glue", **given, **keys})


def run(deployed: LocalAws, **arguments: str) -> dict[str, Any]:
    glue = deployed.context.client("glue")
    (name,) = glue.list_jobs()["JobNames"]
    given = {f"--{key}": argument for key, argument in arguments.items()}
    run_id = glue.start_job_run(JobName=name, Arguments=given)["JobRunId"]
    deadline = time.monotonic() + 180
    while (found := glue.get_job_run(JobName=name, RunId=run_id)["JobRun"])["JobRunState"] in ("STARTING", "RUNNING"):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    answer: dict[str, Any] = found
    return answer


def click(number: int, **given: Any) -> dict[str, Any]:
    """A page view; what it says beside its key, session and time is nothing."""
    about = {"event_id": f"{number:032x}", "session_id": "one", "event_type": "page_view", "event_time": NOON}
    return {**about, "_delivery_id": "d", "_source": "s", "_position": number, **given}


def test_the_deployed_job_refreshes_a_table_with_no_more_than_its_role_may(
    deployed: LocalAws, catalog: Catalog, project: Project
) -> None:
    def load(name: str) -> Table:
        return catalog.load_table(tuple(name.split(".")))

    def deliver(*rows: dict[str, Any]) -> None:
        clicks = load("bronze.clicks")
        clicks.append(pa.Table.from_pylist(list(rows), clicks.schema().as_arrow()))

    later = NOON + datetime.timedelta(hours=1)
    deliver(click(1), click(1, event_time=later, _position=9), click(2))
    pinned = {name: snapshot_of(load(name)) for name in project.transform("silver.clicks").inputs.values()}
    deliver(click(3, event_type="never heard of"))

    done = run(deployed, table="silver.clicks", run="first", pinned=json.dumps(pinned))
    assert done["JobRunState"] == "SUCCEEDED", done.get("ErrorMessage")
    result = load("silver.clicks")
    made = {each["event_id"]: each["event_time"] for each in result.scan().to_arrow().to_pylist()}
    assert made == {f"{1:032x}": later, f"{2:032x}": NOON}
    assert load("quarantine.clicks").scan().to_arrow()["reason"].to_pylist() == ["conflict"]
    said = described_run(result, "silver.clicks")
    assert (said.engine, said.run_id, said.inputs, said.rows) == ("spark", "first", pinned, 2)
    assert said.cost_usd >= 60 / 3600 * 2 * 0.44
    decisions = [each for each in enforcement.decisions() if "SparkRole" in each.role]
    assert {each.action for each in decisions} >= {"s3:GetObject", "s3:PutObject", "glue:GetTable", "glue:UpdateTable"}
    assert [each for each in decisions if not each.allowed] == []

    refused = run(deployed, table="silver.clicks", run="second")
    assert refused["JobRunState"] == "FAILED"
    assert "event_type is one of page_view" in refused["ErrorMessage"]
    assert "1 row; for example 'never heard of'" in refused["ErrorMessage"]
    assert load("silver.clicks").refs() == result.refs()
    assert list(result.refs()) == ["main"]
