"""Five hundred contracts deploy as eight do: they are data in one file, not resources."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.bundle import Bundle, code_folder
from sluice.contracts import AnyContract
from sluice.errors import WrongArgument
from sluice.project import FILE_NAME, Project, decode_project
from tests.infra.permissions import may
from tests.infra.templates import Cloud, synthesize

pytestmark = pytest.mark.slow

HOW_MANY = 500
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_RESOURCES, MAX_TEMPLATE_BYTES = 500, 1_000_000
MAX_MANAGED_POLICIES, MAX_MANAGED, MAX_INLINE = 10, 6144, 10_240
#: Every function reads the project when it starts; at 1 GB/s of msgspec this is a few thousandths of a second.
MAX_PROJECT_BYTES = 2_600_000


@pytest.fixture(scope="module")
def many(project: Project) -> Project:
    """The declared contracts and transforms over and over, each under a name of its own."""
    landing = project.arriving
    derived = [(project.contract(each.table), each) for each in project.transforms]
    contracts: list[AnyContract] = []
    transforms = []
    for number in range(HOW_MANY // 2):
        source = landing[number % len(landing)]
        contracts.append(msgspec.structs.replace(source, name=f"{source.name}_{number}"))
        contract, transform = derived[number % len(derived)]
        copy = msgspec.structs.replace(contract, name=f"{contract.name}_{number}")
        contracts.append(copy)
        transforms.append(replace(transform, table=copy.table))
    return Project(tuple(contracts), tuple(transforms))


@pytest.fixture(scope="module")
def large(many: Project, clouds: dict[str, Cloud], bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    folder = tmp_path_factory.mktemp("many")
    code = code_folder(many, folder / "code")
    return synthesize(
        replace(clouds["dev"].environment, producers=None), many, replace(bundle, code=code), folder / "out"
    )


def test_there_are_five_hundred_contracts(many: Project) -> None:
    assert len({contract.table for contract in many.contracts}) == HOW_MANY


def test_no_stack_comes_near_its_limits(large: Cloud) -> None:
    for stack in large.templates:
        text = (large.folder / f"sluice-dev-{stack}.template.json").read_bytes()
        assert len(text) < MAX_TEMPLATE_BYTES, stack
        assert len(large.templates[stack]["Resources"]) < MAX_RESOURCES, stack


def test_the_number_of_resources_does_not_depend_on_the_number_of_contracts_but_for_streams(
    large: Cloud, many: Project, clouds: dict[str, Cloud]
) -> None:
    def counted(cloud: Cloud) -> Counter[tuple[str, str]]:
        """The number of each type, without what roles list table by table, and producers that are named."""
        return Counter(
            (each.stack, each.type)
            for each in cloud.resources()
            if not each.stack.startswith("streams")
            and each.type != "AWS::IAM::ManagedPolicy"
            and not each.name.endswith(("ProducerRole", "ProducerRoleDefaultPolicy"))
        )

    assert counted(large) == counted(clouds["dev"])
    streams = sum(each.arrival.stream for each in many.arriving)
    assert streams > 50
    assert len(large.resources("AWS::Kinesis::Stream")) == streams


@pytest.mark.parametrize(("how_many", "next_step"), [(241, "`stream_stacks: 2`"), (4_801, "a project of their own")])
def test_streams_that_the_stacks_cannot_hold_are_refused_with_the_number_that_does_if_any_does(
    many: Project, clouds: dict[str, Cloud], bundle: Bundle, tmp_path: Path, how_many: int, next_step: str
) -> None:
    with pytest.raises(WrongArgument, match=f"{how_many} streams do not fit into 1 stack of dev") as told:
        of_streams(map("stream_{}".format, range(how_many)), many, clouds, bundle, tmp_path)
    assert next_step in str(told.value)


def of_streams(
    names: Iterable[str], many: Project, clouds: dict[str, Cloud], bundle: Bundle, folder: Path, **settings: Any
) -> Cloud:
    """Return the stacks of a project of streams of these names; ``settings`` are of its environment."""
    (stream, *_) = [each for each in many.arriving if each.arrival.stream]
    streams = tuple(msgspec.structs.replace(stream, name=name) for name in names)
    environment = replace(clouds["dev"].environment, producers=None, **settings)
    return synthesize(environment, Project(streams), bundle, folder)


@pytest.mark.parametrize("how_many", [1, 75, 240])
@pytest.mark.parametrize(
    ("shape", "settings"),
    [("s{}", {}), ("s{:062}", {"database_prefix": "p" * 31, "region": "ap-southeast-1", "customer_key": True})],
    ids=["shortest", "longest"],
)
def test_one_stack_holds_many_streams_and_its_function_may_read_each_whatever_they_are_called(
    many: Project,
    clouds: dict[str, Cloud],
    bundle: Bundle,
    tmp_path: Path,
    how_many: int,
    shape: str,
    settings: dict[str, Any],
) -> None:
    cloud = of_streams(map(shape.format, range(how_many)), many, clouds, bundle, tmp_path, **settings)
    streams = cloud.resources("AWS::Kinesis::Stream")
    assert {each.stack for each in streams} == {"streams"}
    assert len(streams) == how_many
    for role in ("IngestStreamRole", "OperatorRole", "StewardRole"):
        assert all(may(cloud, role, "kinesis:GetRecords", cloud.arn(each)) for each in streams)
    for role in cloud.resources("AWS::IAM::Role"):
        within_limits(cloud, role.name)
    assert all(len(template["Resources"]) <= MAX_RESOURCES for template in cloud.templates.values())


def test_streams_of_several_stacks_stay_in_theirs(
    many: Project, clouds: dict[str, Cloud], bundle: Bundle, tmp_path: Path
) -> None:
    cloud = of_streams(map("stream_{}".format, range(160)), many, clouds, bundle, tmp_path, stream_stacks=3)
    placed = {each.properties["Name"]: each.stack for each in cloud.resources("AWS::Kinesis::Stream")}
    assert len(placed) == 160
    assert min(Counter(placed.values()).values()) > 30
    fewer = of_streams(map("stream_{}".format, range(80)), many, clouds, bundle, tmp_path / "fewer", stream_stacks=3)
    for each in fewer.resources("AWS::Kinesis::Stream"):
        assert each.stack == placed[each.properties["Name"]]
    assert all(len(template["Resources"]) < MAX_RESOURCES for template in cloud.templates.values())
    named = [name for template in cloud.templates.values() for name in template["Outputs"]]
    assert [name for name in named if name.startswith("IngestStream")] == [
        "IngestStreamFunctionName", "IngestStreamFunctionName1", "IngestStreamFunctionName2",
    ]  # fmt: skip
    assert [name for name in named if name.startswith("OperationalEvents")] == [
        "OperationalEventsTopicArn", "OperationalEventsTopicArn1", "OperationalEventsTopicArn2",
    ]  # fmt: skip


def test_a_change_of_one_contract_makes_the_tables_anew(large: Cloud, clouds: dict[str, Cloud]) -> None:
    (few,), (many) = clouds["dev"].resources("Custom::SluiceTables"), large.resources("Custom::SluiceTables")
    assert few.properties["Contracts"] != many[0].properties["Contracts"]


def test_the_project_file_stays_small(many: Project, tmp_path: Path) -> None:
    file = code_folder(many, tmp_path / "code") / FILE_NAME
    assert file.stat().st_size < MAX_PROJECT_BYTES
    assert decode_project(file.read_bytes()) == many


def within_limits(cloud: Cloud, role: str) -> int:
    """Return how many managed policies a role has, of which none is too long, nor its own policies together."""
    managed, own = (
        [
            len(json.dumps(each.properties["PolicyDocument"], separators=(",", ":")))
            for each in cloud.resources(kind)
            if role in each.properties["Roles"]
        ]
        for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
    )
    assert len(managed) <= MAX_MANAGED_POLICIES, role
    assert max(managed, default=0) <= MAX_MANAGED, role
    assert sum(own) <= MAX_INLINE, role
    return len(managed)


def test_analysts_read_each_of_many_tables_within_the_limits_of_policies(large: Cloud, many: Project) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: whitespace does not count."""
    assert within_limits(large, "AnalystRole")
    for role in large.resources("AWS::IAM::Role"):
        within_limits(large, role.name)
    derived = [contract for contract in many.contracts if contract.derived]
    assert len(derived) == HOW_MANY // 2
    for contract in derived:
        file = f"arn:aws:s3:::Lake/{contract.database}/{contract.name}/data/one"
        assert may(large, "AnalystRole", "s3:GetObject", file), contract.table
    for contract in many.arriving:
        assert not may(large, "AnalystRole", "s3:GetObject", f"arn:aws:s3:::Lake/bronze/{contract.name}/data/one")
