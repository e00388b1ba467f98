"""Dataclasses made of plain values are what msgspec makes of the same JSON, or are refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sluice.compiled import Backfill, CompiledCheck, CompiledTransform, Propagation
from sluice.plain import from_plain, without_defaults

CHECK = CompiledCheck("stays", "measure", operator="mustBeBetween", operand=[-1, 1], reads=("silver.a", "silver.b"))
TRANSFORM = CompiledTransform(
    "silver.things", {"a": "bronze.a", "b": "bronze.b"}, "SELECT 1", "f", write="merge", recompute_key=("id",),
    propagations={"a": Propagation(("id",), key=("k",)), "b": Propagation((), "a", (("x", "y"), ("z", "z")))},
    engine="spark", audit=(CHECK,),
)  # fmt: skip


@pytest.mark.parametrize("made", [TRANSFORM, CHECK, Backfill("gold.a"), Propagation()])
def test_what_is_encoded_is_read_as_it_was(made: Any) -> None:
    assert from_plain(type(made), json.loads(msgspec.json.encode(made))) == made


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"engine": "duck"}, "'duck' is none of 'any', 'duckdb', 'spark'"),
        ({"leads": {}}, "CompiledTransform has no field leads: another version"),
        ({"propagations": {"a": {"by": ["id"]}}}, "Propagation has no field by: another version"),
    ],
)
def test_what_other_code_wrote_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        from_plain(CompiledTransform, json.loads(msgspec.json.encode(TRANSFORM)) | changed)


@pytest.mark.parametrize("made", [CHECK, Backfill("gold.a"), Propagation(("id",))])
def test_what_is_left_out_is_what_is_there_by_default(made: Any) -> None:
    assert type(made)(**without_defaults(made)) == made


def test_a_field_that_has_its_default_is_left_out_of_what_is_hashed() -> None:
    assert without_defaults(CompiledCheck("k", "unique", ("id",))) == {
        "name": "k",
        "kind": "unique",
        "columns": ("id",),
    }
