"""A compiled project is read by code with the very fields of the code that wrote it, or not at all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluice import project
from sluice.compiled import CompiledCheck, CompiledTransform, Propagation
from sluice.contracts import Column, DerivedContract, LandingContract, parse_type
from sluice.project import Project, decode_project

WHOLE = Project(
    (DerivedContract("things", "silver", (Column("id", parse_type("decimal(3,1)")),), file="things.yaml"),),
    (
        CompiledTransform(
            "silver.things", {"a": "bronze.a"}, "SELECT 1", "f", propagations={"a": Propagation(("id",))},
            audit=(CompiledCheck("one", "unique", ("id",)),),
        ),
    ),
)  # fmt: skip


def test_a_project_is_read_as_it_was_written() -> None:
    assert decode_project(WHOLE.to_json()) == WHOLE


def test_the_fingerprint_of_the_contracts_is_another_for_them_alone() -> None:
    """Tables are looked through after a deployment only when it differs: a changed transform does not wait for them."""
    transform = dataclasses.replace(WHOLE.transforms[0], sql="SELECT 2", fingerprint="g", weight=2.0)
    same = Project(WHOLE.contracts, (transform,))
    assert same.contracts_fingerprint == Project(WHOLE.contracts).contracts_fingerprint == WHOLE.contracts_fingerprint
    contract = msgspec.structs.replace(WHOLE.contracts[0], description="Another.")
    assert Project((contract,), WHOLE.transforms).contracts_fingerprint != WHOLE.contracts_fingerprint


@pytest.mark.parametrize("digest", ["", "0123456789abcdef", None])
def test_one_that_other_code_wrote_is_refused(digest: str | None) -> None:
    raw = json.loads(WHOLE.to_json())
    raw["fields_digest"] = digest
    if digest is None:
        del raw["fields_digest"]
    with pytest.raises(ValueError, match=r"written by another version of this code.* Deploy again"):
        decode_project(json.dumps(raw).encode())


def test_one_that_could_not_be_decoded_is_said_to_be_another_versions() -> None:
    raw = json.loads(WHOLE.to_json())
    raw["fields_digest"] = "0123456789abcdef"
    raw["transforms"][0]["query"] = raw["transforms"][0].pop("sql")
    with pytest.raises(ValueError, match=r"written by another version of this code.* Deploy again"):
        decode_project(json.dumps(raw).encode())


@pytest.mark.parametrize(
    "kind", [Project, CompiledTransform, CompiledCheck, Propagation, LandingContract, DerivedContract, Column]
)
def test_a_field_more_of_any_kind_gives_another_digest(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = project.digest_of_fields()
    monkeypatch.setitem(kind.__annotations__, "another", "int")
    project.digest_of_fields.cache_clear()
    try:
        assert project.digest_of_fields() != before
    finally:
        monkeypatch.undo()
        project.digest_of_fields.cache_clear()
    assert project.digest_of_fields() == before


def test_functions_read_their_project_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    (tmp_path / project.FILE_NAME).write_bytes(msgspec.json.encode(WHOLE))
    project.deployed_project.cache_clear()
    with pytest.raises(ValueError, match="written by another version"):
        project.deployed_project()
    project.deployed_project.cache_clear()
