"""A local AWS of another region or name prefix than are declared is named before anything is deployed to it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sluice.cli import deployment, local_access, moved
from sluice.cli.starting import start_project
from sluice.errors import CommandError
from sluice.folders import ProjectFolder

STACKS = [f"shop-dev-{part}" for part in deployment.STACKS]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    start_project(tmp_path / "shop", empty=False)
    answer = [{"Stacks": [{"StackName": name, "StackStatus": "CREATE_COMPLETE"} for name in STACKS]}]
    pages = SimpleNamespace(paginate=lambda: answer)
    monkeypatch.setattr(moved, "client", lambda _: SimpleNamespace(get_paginator=lambda _: pages))
    monkeypatch.setattr(local_access, "own_run", lambda _: {"region": "us-east-1"})
    return ProjectFolder(tmp_path / "shop")


def _changed(shop: ProjectFolder, old: str, new: str) -> None:
    text = shop.environments.read_text()
    assert old in text
    shop.environments.write_text(text.replace(old, new))


def test_what_runs_as_it_is_declared_is_deployed_to(shop: ProjectFolder) -> None:
    moved.refuse_moved(shop, "dev")


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        ("region: us-east-1", "region: us-west-2", "put back `region: us-east-1`"),
        ("name_prefix: shop", "name_prefix: other", "put back `name_prefix: shop`"),
    ],
)
def test_what_was_declared_otherwise_since_it_began_is_named_with_both_ways_out(
    shop: ProjectFolder, old: str, new: str, way: str
) -> None:
    _changed(shop, old, new)
    with pytest.raises(CommandError) as told:
        moved.refuse_moved(shop, "dev")
    assert way in told.value.next_step
    assert "`sluice down`" in told.value.next_step
    assert told.value.file == str(shop.environments)


def test_another_projects_local_aws_is_deployed_to_beside_it(
    shop: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _changed(shop, "name_prefix: shop", "name_prefix: other")
    monkeypatch.setattr(local_access, "own_run", lambda _: None)
    moved.refuse_moved(shop, "dev")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("ROLLBACK_COMPLETE", "was never made: it is ROLLBACK_COMPLETE, and holds nothing"),
        ("CREATE_FAILED", "was never wholly made: it is CREATE_FAILED, and may hold some of its resources"),
        ("ROLLBACK_FAILED", "was never wholly made: it is ROLLBACK_FAILED"),
        ("CREATE_IN_PROGRESS", "is not ready: it is CREATE_IN_PROGRESS"),
        ("ROLLBACK_IN_PROGRESS", "is not ready: it is ROLLBACK_IN_PROGRESS"),
    ],
)
def test_a_stack_that_is_not_wholly_made_is_named_instead_of_asked(
    monkeypatch: pytest.MonkeyPatch, status: str, told: str
) -> None:
    stacks: list[dict[str, Any]] = [{"StackName": name, "StackStatus": status} for name in STACKS]
    pages = SimpleNamespace(paginate=lambda: [{"Stacks": stacks}])
    monkeypatch.setattr(deployment, "client", lambda _: SimpleNamespace(get_paginator=lambda _: pages))
    monkeypatch.setattr(deployment, "_name_prefix", lambda *_: "shop")
    with pytest.raises(CommandError, match=f"shop-dev-storage {told}"):
        deployment.deployed("dev")
    for stack in stacks:
        # What a deployment itself is about to make: it asks for the others meanwhile.
        stack["StackStatus"] = "REVIEW_IN_PROGRESS"
    assert deployment.deployed("dev").environment == "dev"
