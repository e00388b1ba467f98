"""What a contract or an environment declares acts: each field is read outside of the package that reads it in."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from sluice.contracts import AnyContract
from sluice.environments import Environment
from sluice.load import FORMATS
from tests.folders import ROOT

pytestmark = pytest.mark.slow


def declared(kind: Any, seen: set[Any]) -> Iterator[tuple[str, str]]:
    """Yield class and name of each field of ``kind`` and of the declared types in it."""
    for part in get_args(kind):
        yield from declared(part, seen)
    is_struct = isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind))
    if is_struct and kind not in seen:
        seen.add(kind)
        for name, inner in get_type_hints(kind).items():
            if name in getattr(kind, "__struct_fields__", getattr(kind, "__dataclass_fields__", ())):
                yield kind.__name__, name
                yield from declared(inner, seen)


def read(*folders: str, but: str) -> set[str]:
    """Return the attributes that modules in ``folders`` read, by name or by a text; those like ``but`` are left out.

    The model stays: what its own properties read, others ask these for.
    """
    files = [
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if not file.match(but) or file.name == "model.py"
    ]
    assert len(files) > 50
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_bytes()))]
    asked = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    return asked | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_each_field_of_a_contract_is_read() -> None:
    found = read("sluice", "infra", "lambdas", but="sluice/contracts/*.py")
    # Options that only one format has are for its reader; no format here has any, and then a contract has none.
    own = {f"{kind}.{name}" for kind, name in declared(AnyContract, set()) if name not in found}
    assert own <= {"Arrival.own_options"}
    assert not any(each.own for each in (*FORMATS.files.values(), *FORMATS.streams.values())) or not own


def test_each_setting_of_an_environment_is_read() -> None:
    found = read("infra", "sluice", but="sluice/environments.py")
    assert [name for _, name in declared(Environment, set()) if name not in found] == []
