"""What `sluice doctor` reads of the templates: what they need, and each name that an account has once."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.cli.doctor.leftovers import KINDS, given_name
from sluice.cli.doctor.needs import read_needs
from tests.infra.templates import Cloud

#: Types that an account may have several of under one name.
NOT_UNIQUE = {"AWS::IAM::Policy", "AWS::Athena::NamedQuery"}


def named(properties: dict[str, Any]) -> list[str]:
    """Return the texts that are called a name, at the top and in what a database is made from."""
    inner = properties.get("DatabaseInput", {})
    given = [*properties.items(), *(inner.items() if isinstance(inner, dict) else ())]
    return [value for key, value in given if key.endswith("Name") and isinstance(value, str)]


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_each_name_that_a_template_gives_is_looked_for(clouds: dict[str, Cloud], name: str) -> None:
    needs = read_needs(clouds[name].folder)
    found = {each.type: given_name(each) for each in needs.resources if named(dict(each.properties))}
    assert {kind for kind in found if kind not in KINDS} <= NOT_UNIQUE
    assert all(found[kind] for kind in found if kind in KINDS)
    assert {"AWS::Glue::Database", "AWS::Logs::LogGroup", "AWS::Athena::WorkGroup"} <= found.keys()


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_needs_are_those_of_the_environment(clouds: dict[str, Cloud], name: str) -> None:
    environment, needs = clouds[name].environment, read_needs(clouds[name].folder)
    assert needs.memory == environment.transform_memory_large
    assert needs.concurrency >= environment.ingest_concurrency + environment.commit_concurrency
    assert needs.bootstrap.parameter == "/cdk-bootstrap/hnb659fds/version"
    assert needs.bootstrap.version >= 6
    assert len(needs.bootstrap.roles) == 4, "to deploy, to execute, to look up, to publish files"
    assert len(needs.bootstrap.buckets) == 1
