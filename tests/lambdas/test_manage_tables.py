"""The custom resource answers CloudFormation whatever happens, and never undoes what a table gained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.manage_tables import handler as module
from sluice.project import Project
from tests.lambdas.cloudformation import CloudFormation
from tests.sluice.ingestion.reading import column, contract

PRESENT = Project((contract(column("id")),))
EARLIER, LATER = "f" * 32, "e" * 32


def event(cloudformation: CloudFormation, kind: str, contracts: str, before: str = "") -> dict[str, Any]:
    asked = cloudformation.event(kind, {"Contracts": contracts})
    if before:
        asked |= {"OldResourceProperties": {"Contracts": before}, "PhysicalResourceId": "sluice-tables"}
    return asked


@pytest.fixture
def ensured(monkeypatch: pytest.MonkeyPatch) -> list[Project]:
    """The projects whose tables were ensured."""
    calls: list[Project] = []

    def ensure(catalog: Any, project: Project, settings: Any) -> list[str]:
        calls.append(project)
        return ["created bronze.things"]

    monkeypatch.setattr(module, "deployed_project", lambda: PRESENT)
    monkeypatch.setattr(module, "glue_catalog", lambda: None)
    monkeypatch.setattr(module, "ensure_tables", ensure)
    return calls


@pytest.mark.parametrize(("kind", "before"), [("Create", ""), ("Update", EARLIER)])
def test_create_and_update_ensure_the_tables(
    cloudformation: CloudFormation, ensured: list[Project], kind: str, before: str
) -> None:
    module.handler(event(cloudformation, kind, PRESENT.contracts_fingerprint, before), None)
    assert ensured == [PRESENT]
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"], answer["RequestId"]) == ("SUCCESS", "sluice-tables", "r")


def test_delete_keeps_the_tables(cloudformation: CloudFormation, ensured: list[Project]) -> None:
    module.handler(event(cloudformation, "Delete", PRESENT.contracts_fingerprint), None)
    assert ensured == []
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_a_failed_update_that_is_taken_back_by_the_same_code_does_nothing(
    cloudformation: CloudFormation, ensured: list[Project]
) -> None:
    module.handler(event(cloudformation, "Update", EARLIER, PRESENT.contracts_fingerprint), None)
    assert ensured == []
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_an_update_to_the_contracts_that_the_code_carries_is_done_even_when_others_came_before(
    cloudformation: CloudFormation, ensured: list[Project]
) -> None:
    module.handler(event(cloudformation, "Update", PRESENT.contracts_fingerprint, LATER), None)
    assert ensured == [PRESENT]


def test_a_failure_is_answered_with_its_reason(
    cloudformation: CloudFormation, ensured: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> list[str]:
        raise ValueError("bronze.things: column id cannot change")

    monkeypatch.setattr(module, "ensure_tables", fails)
    module.handler(event(cloudformation, "Create", PRESENT.contracts_fingerprint), None)
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "ValueError: bronze.things: column id cannot change")


def test_an_error_of_any_length_reaches_cloudformation(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CloudFormation takes 4,096 bytes of answer, and reports the cause of a longer one as lost."""
    columns = ", ".join(f"column_{number}" for number in range(2500))

    def fail(*_: Any) -> list[str]:
        raise ValueError(columns)

    monkeypatch.setattr(module, "ensure_tables", fail)
    monkeypatch.setattr(module, "deployed_project", lambda: PRESENT)
    monkeypatch.setattr(module, "glue_catalog", lambda: None)
    monkeypatch.setattr("sluice.bounded.S3Store", lambda: Kept(tmp_path))
    module.handler(event(cloudformation, "Create", EARLIER), None)
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("ValueError: column_0, ")
    assert len(json.dumps(answer)) <= 4096
    assert (tmp_path / "whole").read_text() == f"ValueError: {columns}"


class Kept:
    """An S3 that keeps one object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, address: str, body: bytes) -> None:
        assert address.startswith("s3://")
        (self.folder / "whole").write_bytes(body)
