"""``docs/reference/contract-fields.md``: every field of a contract that acts, with a line of a contract that has it.

The lines are taken from the whole contracts in ``docs/reference/examples``, which `load_contracts` reads in a test.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from sluice.contracts.arrival import _FILE_KEYS, _STREAM_KEYS
from sluice.contracts.odcs import ACTS, DOCUMENTS, STATED
from sluice.contracts.reader import _COLUMN_CUSTOM
from sluice.contracts.rules import _BURST_KEYS, _RULE_KEYS, _TRAVEL_KEYS
from sluice.contracts.value_rules import _BOUNDS, _LENGTHS
from tests.docs.reference.field_texts import TEXTS, TITLES
from tests.docs.reference.page import Undocumented, page, said, table
from tests.folders import ROOT

EXAMPLES: Final = ROOT / "docs" / "reference" / "examples"
#: Where each of the standard's parts stands in a contract.
_BELOW = {
    "OpenDataContractStandard": {
        "team": "Team", "servers": "Server", "schema": "SchemaObject", "slaProperties": "ServiceLevelAgreementProperty",
        "customProperties": "CustomProperty",
    },
    "SchemaObject": {
        "properties": "SchemaProperty", "quality": "DataQuality", "relationships": "Relationship",
        "customProperties": "CustomProperty",
    },
    "SchemaProperty": {
        "quality": "DataQuality", "relationships": "Relationship", "customProperties": "CustomProperty",
        "enum": "EnumValue", "logicalTypeOptions": "logicalTypeOptions",
    },
    "rules": {"burst": "burst", "travel": "travel"},
    "burst": {"distinct": "distinct"},
}  # fmt: skip


def fields() -> dict[str, list[str]]:
    """Return the names of all fields that act, by the part of a contract in which they stand."""
    own = {
        "logicalTypeOptions": ["format", "pattern", *_BOUNDS, *_LENGTHS],
        "custom properties of a contract": ["arrival", "rules"],
        "custom properties of a table": ["sortOrder"],
        "custom properties of a column": [*_COLUMN_CUSTOM],
        "arrival": [*dict.fromkeys([*_FILE_KEYS, *_STREAM_KEYS])],
        "rules": [*_RULE_KEYS],
        "burst": [*_BURST_KEYS],
        "distinct": ["column", "atLeast"],
        "travel": [*_TRAVEL_KEYS],
        "slaProperties": ["freshness", "lateness", "latency", "retention"],
    }
    return {kind: sorted(names) for kind, names in ACTS.items()} | own


@functools.cache
def examples(folder: Path = EXAMPLES) -> dict[tuple[str, str], Any]:
    """Return a value of each field that the example contracts have."""
    found: dict[tuple[str, str], Any] = {}
    for file in sorted(folder.rglob("*.yaml")):
        for place, value in _found("OpenDataContractStandard", yaml.safe_load(file.read_text()), "contract"):
            found.setdefault(place, value)
    return found


def _found(kind: str, given: Any, owner: str) -> Iterator[tuple[tuple[str, str], Any]]:
    if isinstance(given, list):
        for each in given:
            yield from _found(kind, each, owner)
        return
    if kind == "CustomProperty":
        yield from _custom(given, owner)
    if kind == "ServiceLevelAgreementProperty":
        yield ("slaProperties", given["property"]), {"slaProperties": [given]}
    if not isinstance(given, Mapping):
        return
    owner = {"SchemaObject": "table", "SchemaProperty": "column"}.get(kind, owner)
    for key, value in given.items():
        below = _BELOW.get(kind, {}).get(key)
        yield (kind, key), {key: value} if below is None else {key: _shortened(value)}
        if below:
            yield from _found(below, value, owner)


def _custom(given: Any, owner: str) -> Iterator[tuple[tuple[str, str], Any]]:
    name, value = given["property"], given["value"]
    whole = {"customProperties": [{"property": name, "value": _shortened(value)}]}
    yield (f"custom properties of a {owner}", name), whole
    if name in ("arrival", "rules"):
        yield from _found(name, value, owner)


def _shortened(value: Any) -> Any:
    """Return what stands below a field as far as one line shows it: its first part alone."""
    if isinstance(value, list) and value:
        return [_shortened(value[0])]
    if isinstance(value, Mapping) and value:
        first = next(iter(value))
        return {first: _shortened(value[first])}
    return value


def contract_fields_page(texts: Mapping[str, Mapping[str, str]] = TEXTS, folder: Path = EXAMPLES) -> str:
    """Return the page; ``Undocumented`` for a field without a text or without an example."""
    shown = examples(folder)
    parts = []
    for kind, names in fields().items():
        title, where = TITLES[kind]
        rows = []
        for name in names:
            if (kind, name) not in shown:
                raise Undocumented(f"no contract in {folder} has {name} of {kind}: add it to one.")
            text = said(texts.get(kind, {}).get(name), f"the field {name} of {kind}")
            if values := STATED.get((kind, name)):
                text += f" One of {', '.join(f'`{value}`' for value in values)}."
            rows.append((f"`{name}`", text, f"`{_written(shown[kind, name])}`"))
        parts += [f"## {title}", where, table(("field", "what", "example"), rows)]
    documented = [(f"`{kind}`", ", ".join(f"`{name}`" for name in sorted(names))) for kind, names in DOCUMENTS.items()]
    return page(
        "Fields of a contract",
        "Every field that a contract can have, what it does, and a line that has it. "
        "[What a contract can declare](contracts.md) has the rules; the lines are from "
        "whole contracts: [files](examples/orders.yaml), [a stream](examples/clicks.yaml), "
        "[a derived table](examples/gold/daily_orders.yaml).",
        *parts,
        "## Fields for people",
        "These document and do nothing. Any other field of the standard is refused by name.",
        table(("of", "fields"), documented),
    )  # fmt: skip


def _written(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False).strip()
    return text.removeprefix("{").removesuffix("}")
