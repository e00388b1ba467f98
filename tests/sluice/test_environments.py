"""Each field of environments.yaml acts or is refused with its line; nothing is read as something else."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import get_session
from hypothesis import event, given
from hypothesis import strategies as st

from sluice.environments import LOG_DAYS, Environment, read_environments
from sluice.errors import EnvironmentRefused
from sluice.partitions import address_suffix, partition_of
from sluice.vpc import Vpc, read_vpc
from tests.folders import ENVIRONMENTS, ROOT

SETTINGS = [each.name for each in fields(Environment) if each.name not in ("name", "name_prefix")]
ROLE = "arn:aws:iam::111122223333:role/Analysts"
SOUND = {"region": "eu-central-1", "keep_data": True}
NETWORK = {"subnets": {"subnet-0a1b2c3d": "eu-central-1a"}, "security_groups": ["sg-0a1b2c3d"]}


def read(folder: Path, settings: Any, *, prefix: Any = "shop", name: str = "dev") -> Environment:
    (folder / "environments.yaml").write_text(
        yaml.safe_dump({"name_prefix": prefix, "environments": {name: settings}}, sort_keys=False)
    )
    return read_environments(folder / "environments.yaml")[name]


def test_what_is_left_out_has_its_default_and_what_is_given_stands(tmp_path: Path) -> None:
    found = read(tmp_path, {**SOUND, "tags": {"team": "sales"}, "account": "012345678901", "log_days": 90})
    assert found == Environment("dev", "eu-central-1", True, "shop", "012345678901", {"team": "sales"}, log_days=90)
    assert found.title == "shop-dev"
    assert read(tmp_path, SOUND) == Environment("dev", "eu-central-1", True, "shop")


@pytest.mark.parametrize(
    ("settings", "line", "why"),
    [
        ({**SOUND, "memory": 3}, 6, "environments.dev.memory: there is no such field"),
        ({**SOUND, "log_day": 7}, 6, "did you mean log_days?"),
        ({"keep_data": True}, 3, "region is missing"),
        ({"region": "us-east-1"}, 3, "keep_data is missing"),
        ({**SOUND, "region": "here"}, 4, "'here' is not allowed; a region"),
        ({**SOUND, "keep_data": "yes"}, 5, "'yes' is not allowed; true or false"),
        ({**SOUND, "reserve_commits": 3}, 6, "3 is not allowed; true or false"),
        ({**SOUND, "account": 123}, 6, "123 is not allowed; an account's twelve digits"),
        ({**SOUND, "log_days": 8}, 6, "8 is not allowed; one of 1, 3, 5, 7"),
        ({**SOUND, "log_days": True}, 6, "True is not allowed"),
        ({**SOUND, "ingest_memory": 64}, 6, "64 is not allowed; a whole number from 128 to 10240"),
        ({**SOUND, "ingest_memory": "512"}, 6, "'512' is not allowed"),
        ({**SOUND, "stream_retention_hours": 169}, 6, "169 is not allowed; a whole number from 24 to 168"),
        ({**SOUND, "permissions_boundary": "Boundary"}, 6, "the ARN of a managed policy"),
        ({**SOUND, "database_prefix": "Shop-"}, 6, "'Shop-' is not allowed"),
        ({**SOUND, "tags": ["team"]}, 6, "it holds `name: value` lines"),
        ({**SOUND, "tags": {"team": 3}}, 7, "3 is not allowed; a text"),
        ({**SOUND, "tags": {"aws:team": "x"}}, 7, "is no tag's key"),
        ({**SOUND, "tags": {"AWS:team": "x"}}, 7, "is no tag's key"),
        ({**SOUND, "tags": {f"t{n}": "" for n in range(51)}}, 6, "there are more than 50"),
        (None, 3, "it holds `name: value` lines"),
    ],
)
def test_what_no_environment_can_have_is_refused_with_its_line(
    tmp_path: Path, settings: Any, line: int, why: str
) -> None:
    with pytest.raises(EnvironmentRefused, match=re.escape(why)) as told:
        read(tmp_path, settings)
    assert told.value.what.startswith(f"{tmp_path / 'environments.yaml'}:{line}: environments.dev")
    assert (told.value.file, told.value.position) == (str(tmp_path / "environments.yaml"), line)


@pytest.mark.parametrize(
    "who",
    [
        "*", "arn:aws:iam::*:root", "arn:aws:iam::111122223333:role/*", "111122223333", "ana", 3, None,
        "arn:aws:iam::111122223333:policy/x", "arn:aws:sts::111122223333:assumed-role/a/b", f"{ROLE}\n", "",
        {"AWS": "*"},
        "arn:aws:iam::111122223333:root/x", "arn:aws:iam::111122223333:role/${aws:username}",
    ],
)  # fmt: skip
def test_roles_for_people_name_whom_they_are_for_and_never_everybody(tmp_path: Path, who: Any) -> None:
    for settings in ({"analysts": [who]}, {"operators": [ROLE, who]}, {"producers": {"orders": [who]}}):
        with pytest.raises(EnvironmentRefused, match="is not allowed; the ARN of a role, a user, or an account's root"):
            read(tmp_path, {**SOUND, **settings})
    for settings in ({"stewards": who}, {"producers": {"orders": who}}):
        with pytest.raises(EnvironmentRefused, match="it holds a list of ARNs, `\\[\\]` for the account's own"):
            read(tmp_path, {**SOUND, **settings})


def test_a_role_is_for_those_who_are_named(tmp_path: Path) -> None:
    others = ["arn:aws:iam::111122223333:user/team/ana", "arn:aws:iam::444455556666:root"]
    found = read(
        tmp_path, {**SOUND, "analysts": [ROLE], "stewards": others, "producers": {"orders": [ROLE], "clicks": []}}
    )
    assert (found.analysts, found.stewards, found.operators) == ((ROLE,), tuple(others), ())
    assert found.producers == {"orders": (ROLE,), "clicks": ()}


@pytest.mark.parametrize(
    ("region", "own"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_are_of_the_partition_of_the_region(tmp_path: Path, region: str, own: str) -> None:
    for partition in ("aws", "aws-cn", "aws-us-gov"):
        role = ROLE.replace("arn:aws:", f"arn:{partition}:")
        boundary = f"arn:{partition}:iam::111122223333:policy/bound"
        for settings in (
            {"permissions_boundary": boundary}, {"analysts": [role]}, {"stewards": [role]}, {"operators": [role]},
            {"producers": {"orders": [role]}},
        ):  # fmt: skip
            if partition == own:
                read(tmp_path, {**SOUND, "region": region, **settings})
                continue
            with pytest.raises(EnvironmentRefused, match=f"is of the partition {partition}, and {region} is of {own}"):
                read(tmp_path, {**SOUND, "region": region, **settings})


def test_regions_are_of_the_partitions_that_botocore_knows() -> None:
    known = get_session().get_data("endpoints")["partitions"]
    assert len(known) > 6
    for partition in known:
        name, regions = partition["partition"], partition["regions"]
        assert {partition_of(region) for region in regions} == {name}
        assert {address_suffix(region) for region in regions} == {partition["dnsSuffix"]}


def test_a_network_is_declared_by_ids(tmp_path: Path) -> None:
    found = read(tmp_path, {**SOUND, "vpc": NETWORK}).vpc
    assert found == Vpc({"subnet-0a1b2c3d": "eu-central-1a"}, ("sg-0a1b2c3d",))


@pytest.mark.parametrize(
    ("part", "value", "why"),
    [
        ("subnets", {}, "vpc.subnets: it holds 1 to 16 lines"),
        ("subnets", ["subnet-0a1b2c3d"], "vpc.subnets: it holds 1 to 16 lines"),
        ("subnets", {f"subnet-0a1b2c{n}": "eu-central-1a" for n in range(10, 27)}, "it holds 1 to 16 lines"),
        ("subnets", {"vpc-0a1b2c3d": "eu-central-1a"}, "'vpc-0a1b2c3d' is no subnet's id"),
        ("subnets", {"subnet-0a1b2c3d": "us-east-1a"}, "'us-east-1a' is no availability zone of eu-central-1"),
        ("subnets", {"subnet-0a1b2c3d": "eu-central-1"}, "'eu-central-1' is no availability zone"),
        ("security_groups", [], "it holds a list of 1 to 5 ids"),
        ("security_groups", [f"sg-0a1b2c3{n}" for n in range(6)], "it holds a list of 1 to 5 ids"),
        ("security_groups", ["group"], "'group' is no security group's id"),
        ("security_groups", ["sg-0a1b2c3d", "sg-0a1b2c3d"], "an id stands in it twice"),
        ("name", "x", "`security_groups: [sg-…, …]`, and nothing else"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path: Path, part: str, value: Any, why: str) -> None:
    with pytest.raises(EnvironmentRefused, match=re.escape(why)):
        read(tmp_path, {**SOUND, "vpc": {**NETWORK, part: value}})


@pytest.mark.parametrize("field", ["analysts", "stewards", "operators", "producers"])
def test_more_names_than_a_trust_policy_holds_are_refused_with_their_line(tmp_path: Path, field: str) -> None:
    many = [f"arn:aws:iam::111122223333:role/{number:0>40}" for number in range(26)]
    given: Any = {"orders": many} if field == "producers" else many
    settings = {**SOUND, field: given}
    with pytest.raises(EnvironmentRefused, match=rf"{field}.*the role's trust policy has room for 1,900: name"):
        read(tmp_path, settings)
    some = many[:25]
    read(tmp_path, {**SOUND, field: {"orders": some} if field == "producers" else some})


DIFFERENT = {"account": "111122223333"}, {"account": "444455556666"}


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        ({}, {}, True),
        ({}, {"database_prefix": "prod_"}, False),
        ({"database_prefix": "all_"}, {"database_prefix": "all_"}, True),
        ({}, {"region": "us-east-1"}, False),
        (*DIFFERENT, False),
        ({}, DIFFERENT[0], True),  # whoever leaves it out may mean the same account
        (DIFFERENT[0], DIFFERENT[0], True),
        (DIFFERENT[0], {**DIFFERENT[0], "database_prefix": "prod_"}, False),
    ],
)
def test_two_environments_that_would_share_their_names_in_an_account_are_refused(
    tmp_path: Path, one: dict[str, str], other: dict[str, str], refused: bool
) -> None:
    file = tmp_path / "environments.yaml"
    declared = {"dev": {**SOUND, **one}, "prod": {**SOUND, **other}}
    file.write_text(yaml.safe_dump({"name_prefix": "shop", "environments": declared}, sort_keys=False))
    if not refused:
        assert [*read_environments(file)] == ["dev", "prod"]
        return
    told_what_to_do = r"of dev, .* as prod_, or both an `account`, .* where prod is deployed"
    with pytest.raises(EnvironmentRefused, match=told_what_to_do) as told:
        read_environments(file)
    lines = file.read_text().splitlines()
    named = "    database_prefix: all_" if "database_prefix" in other else "  prod:"
    assert told.value.position == len(lines) - lines[::-1].index(named)


@pytest.mark.parametrize("prefix", [None, 3, "", "Shop", "shop-", "-shop", "a--b", "1shop", "s" * 31, "sh_op", "żółw"])
def test_a_prefix_that_no_stack_can_have_is_refused(tmp_path: Path, prefix: Any) -> None:
    with pytest.raises(EnvironmentRefused, match=r":1: name_prefix: .* is not allowed"):
        read(tmp_path, SOUND, prefix=prefix)


@pytest.mark.parametrize("name", ["Dev", "my-dev", "1dev", "d" * 17])
def test_a_name_that_no_command_takes_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EnvironmentRefused, match="is no environment's name"):
        read(tmp_path, SOUND, name=name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ":1: environments: it holds"), ("[]\n", "it holds"), ("name_prefix: a\n", "environments: it holds"),
        ("name_prefix: a\nenvironments: {}\n", ":2: environments: it declares no environment"),
        ("a: 1\na: 2\n", "stands twice"), ("a:\n\t- 1\n", ":2: environments: it is not YAML"),
        ("name_prefix: a\nenviroments: {}\n", "did you mean environments?"),
    ],
)  # fmt: skip
def test_a_file_that_declares_none_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "e.yaml").write_text(text)
    with pytest.raises(EnvironmentRefused, match=re.escape(why)):
        read_environments(tmp_path / "e.yaml")


#: Values of which some are allowed for one field or another, beside any at all.
SOME = st.sampled_from([
    True, 7, 24, 90, 128, 512, 1769, 3008, "", "eu-central-1", "111122223333", 111122223333, "shop_", {"team": "a"}, {},
    "arn:aws:iam::aws:policy/PowerUserAccess", [ROLE], {"orders": [ROLE]}, {"orders": []},
    NETWORK,
])  # fmt: skip
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def _held(value: Any) -> Any:
    """What is read of a value: a list of those who take a role cannot be changed."""
    if isinstance(value, dict):
        return {str(key): _held(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value


@given(st.sampled_from(SETTINGS), SOME | ANY)
def test_whatever_stands_in_a_field_is_read_as_it_is_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    folder = tmp_path_factory.getbasetemp()
    told, found = "", None
    try:
        found = read(folder, {**SOUND, name: value})
    except EnvironmentRefused as error:
        told = error.what
    if found is None:
        event(f"{name} refused")
        assert f"environments.dev.{name}" in told
        return
    event(f"{name} read")
    asked = str(value) if name == "account" else _held(value)
    if name == "vpc":
        asked = read_vpc(value, str(SOUND["region"]))
    assert (getattr(found, name), type(getattr(found, name))) == (asked, type(asked))
    others = {each for each in SETTINGS if each != name}
    plain = read(folder, SOUND)
    assert all(getattr(found, each) == getattr(plain, each) for each in others)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_field_reads_one_of_those_values(tmp_path: Path, name: str) -> None:
    read_ones = 0
    for value in (True, 7, 24, 512, 1 << 30, "", "eu-central-1", {"team": "a"}, [ROLE], {"a": [ROLE]}, NETWORK):
        with suppress(EnvironmentRefused):
            found = getattr(read(tmp_path, {**SOUND, name: value}), name)
            read_ones += found in (value, *([tuple(value)] if isinstance(value, list) else [])) or found in (
                {"a": (ROLE,)},
                read_vpc(NETWORK, "eu-central-1"),
            )
    assert read_ones


def test_each_field_is_documented_and_named_to_whoever_begins() -> None:
    page = (ROOT / "docs" / "reference" / "environments.md").read_text()
    begun = (ROOT / "sluice" / "new_project" / "base" / "environments.yaml.in").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(SETTINGS)
    for name in SETTINGS:
        assert f"| `{name}` |" in page, name
        assert f"{name}: " in begun, name


def test_a_default_is_documented_as_it_is() -> None:
    page = (ROOT / "docs" / "reference" / "environments.md").read_text()
    begun = (ROOT / "sluice" / "new_project" / "base" / "environments.yaml.in").read_text()
    for each in fields(Environment):
        if isinstance(each.default, int):
            default = str(each.default).lower()
            assert re.search(rf"^\| `{each.name}` .*\| {default} \|$", page, re.MULTILINE), each.name
            assert re.search(rf"^# {each.name}: {default} +#", begun, re.MULTILINE), each.name


def test_the_days_of_logs_are_those_that_the_stacks_know() -> None:
    source = (ROOT / "infra" / "functions.py").read_text()
    assert [int(days) for days in re.findall(r"^    (\d+): logs\.RetentionDays", source, re.MULTILINE)] == [*LOG_DAYS]


def test_this_repository_declares_two() -> None:
    assert {each.title for each in ENVIRONMENTS.values()} == {"sluice-dev", "sluice-prod"}
