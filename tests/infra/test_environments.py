"""What an environment declares acts on every stack: its names, tags, boundary, region; a wrong account is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.bundle import Bundle
from sluice.errors import CommandError
from sluice.folders import ProjectFolder
from sluice.project import Project
from tests.folders import ENVIRONMENTS, ROOT
from tests.infra.nag import open_findings
from tests.infra.templates import Cloud, synthesize

BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
#: Types that CloudFormation gives no tags, of those that the stacks have.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
TAGGED = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Kinesis::Stream")


@pytest.fixture(scope="module")
def shop(project: Project, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    environment = replace(
        ENVIRONMENTS["dev"], name_prefix="shop", region="eu-central-1", account="999999999999",
        tags={"team": "sales", "cost": "4711"}, permissions_boundary=BOUNDARY, database_prefix="shop_dev_",
    )  # fmt: skip
    return synthesize(environment, project, bundle, tmp_path_factory.mktemp("shop"))


@pytest.mark.slow
def test_every_stack_is_named_tagged_and_placed_as_declared(shop: Cloud) -> None:
    manifest = json.loads((shop.folder / "manifest.json").read_text())["artifacts"]
    stacks = {name: each for name, each in manifest.items() if each["type"] == "aws:cloudformation:stack"}
    assert len(stacks) == 6
    for name, each in stacks.items():
        assert name.startswith("shop-dev-")
        assert each["properties"]["tags"] == {"team": "sales", "cost": "4711"}
        # Without the account: the same template goes to the local AWS.
        assert each["environment"] == "aws://unknown-account/eu-central-1"


@pytest.mark.slow
def test_every_resource_is_tagged_and_every_role_bounded(shop: Cloud) -> None:
    for kind in TAGGED:
        found = shop.resources(kind)
        assert found
        for each in found:
            tags = {tag["Key"]: tag["Value"] for tag in each.properties["Tags"]}
            assert {"team": "sales", "cost": "4711"}.items() <= tags.items(), each.logical_id
    roles = shop.resources("AWS::IAM::Role")
    assert [each.logical_id for each in roles if each.properties.get("PermissionsBoundary") != BOUNDARY] == []


@pytest.mark.slow
def test_two_deployments_with_two_prefixes_share_no_name(shop: Cloud, clouds: dict[str, Cloud]) -> None:
    ours, theirs = ({*names(cloud)} for cloud in (clouds["dev"], shop))
    assert {kind for kind, _ in ours} >= {"AWS::Kinesis::Stream", "AWS::Glue::Database", "AWS::Athena::WorkGroup"}
    assert ours & theirs == set()
    assert ("AWS::Glue::Database", "shop_dev_gold") in theirs


def names(cloud: Cloud) -> Iterator[tuple[str, str]]:
    """The names that are given to resources, and not left to CloudFormation."""
    for each in cloud.resources():
        if each.type in ("AWS::IAM::Policy", "AWS::Athena::NamedQuery"):
            continue  # these names are within a role, and may be given twice
        given = each.properties | each.properties.get("DatabaseInput", {})
        # A resource of one's own name; these two name another one.
        own = (key for key in given if key.endswith("Name") and key not in ("DatabaseName", "FunctionName"))
        yield from ((each.type, given[key]) for key in own if isinstance(given[key], str))


def test_an_environment_is_deployed_to_its_own_account_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.synthesis import _environment

    here = ProjectFolder(tmp_path)
    declared, kept = (ROOT / "environments.yaml").read_text(), "    keep_data: true\n"
    assert kept in declared
    text = declared.replace(kept, f"{kept}    account: '111122223333'\n")
    here.environments.write_text(text)
    monkeypatch.delenv("CDK_DEFAULT_ACCOUNT", raising=False)
    assert _environment(here, "prod").account == "111122223333"
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "111122223333")
    assert _environment(here, "prod").account == "111122223333"
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "444455556666")
    assert _environment(here, "dev").account == ""
    with pytest.raises(CommandError, match="belongs to the account 111122223333, but the credentials are of 4444"):
        _environment(here, "prod")
    with pytest.raises(CommandError, match="There is no environment 'test'; allowed: dev, prod"):
        _environment(here, "test")


def test_contracts_are_named_by_a_list_or_with_commas_between() -> None:
    from infra.synthesis import _contracts

    assert _contracts(None) == ["contracts"]
    assert _contracts("a,b") == ["a", "b"]
    for names in (["/a, b/contracts", "c"], '["/a, b/contracts", "c"]'):
        assert _contracts(names) == ["/a, b/contracts", "c"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{\n  "context": {\n    "a": 1,\n  }\n}', r"cdk\.json:4: it is not JSON: "),
        (b"", r"cdk\.json:1: it is not JSON: "),
        (b"[]", r"cdk\.json:1: it holds one JSON object"),
        (b'{"context": []}', r"cdk\.json:1: it holds one JSON object, whose `context` is one"),
        (b"\xff", r"cdk\.json:1: it is not UTF-8"),
    ],
)
def test_a_broken_cdk_json_is_told_with_its_line(tmp_path: Path, text: bytes, told: str) -> None:
    from infra.synthesis import _declared_context

    (tmp_path / "cdk.json").write_bytes(text)
    with pytest.raises(CommandError, match=told) as error:
        _declared_context(tmp_path / "cdk.json")
    assert error.value.file == str(tmp_path / "cdk.json")
    (tmp_path / "cdk.json").write_text('{"context": {"a": 1}}')
    assert _declared_context(tmp_path / "cdk.json") == {"a": 1}


@pytest.mark.slow
@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_no_template_of_another_partition_names_the_usual_one(
    project: Project, bundle: Bundle, tmp_path: Path, region: str
) -> None:
    from cfnlint.api import lint  # here: it takes seconds to import

    environment = replace(ENVIRONMENTS["prod"], region=region)
    cloud = synthesize(environment, project, bundle, tmp_path, nag=True)
    for stack in cloud.templates:
        text = (cloud.folder / f"{environment.title}-{stack}.template.json").read_text()
        assert [word for word in re.findall(r"arn:[\w-]*:", text) if word == "arn:aws:"] == [], stack
        found = {(each.rule.id, each.message) for each in lint(text, regions=[region])}
        # cfn-lint knows no other partition in a state's Resource: https://github.com/aws-cloudformation/cfn-lint
        known = {(rule, said) for rule, said in found if rule == "E3601" and "does not match '^arn:aws:" in said}
        assert {rule for rule, _ in found - known} <= {"W3005"}, stack
    assert open_findings(cloud) == []
