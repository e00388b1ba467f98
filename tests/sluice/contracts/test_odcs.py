"""Each field of the Open Data Contract Standard acts, documents, or is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import BaseModel

from sluice.contracts import Contract
from sluice.contracts.odcs import ACTS, DOCUMENTS, STATED
from sluice.errors import ContractError
from sluice.load import load_contract

LANDING: dict[str, Any] = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "name": "X", "version": "1.0.0", "status": "active",
    "team": {"name": "shop", "members": [{"username": "ada"}]},
    "support": [{"channel": "c"}], "price": {"priceAmount": 1.0}, "description": {"purpose": "p"},
    "authoritativeDefinitions": [{"url": "https://example.org", "type": "t"}],
    "context": {"instructions": "i", "verifiedStatements": [{"question": "q", "answer": "a"}],
                "constraints": [{"constraint": "c"}]},
    "servers": [{"server": "landing", "type": "s3", "location": "s3://landing/things/", "format": "csv"}],
    "schema": [{"name": "things", "physicalName": "bronze.things", "synonyms": [{"synonym": "s"}], "properties": [
        {"name": "id", "logicalType": "string", "physicalType": "string", "enum": [{"value": "a"}]}]}],
    "slaProperties": [{"property": "freshness", "value": 1, "unit": "d"}],
    "customProperties": [{"property": "arrival", "value": {}}],
}  # fmt: skip
#: A derived table, for what only its contract has.
DERIVED: dict[str, Any] = {
    **{key: value for key, value in LANDING.items() if key not in ("servers", "customProperties")},
    "schema": [{"name": "things", "physicalName": "silver.things",
                "quality": [{"metric": "rowCount", "mustBeGreaterThan": 0}],
                "properties": [{"name": "id", "logicalType": "string", "physicalType": "string",
                                "relationships": [{"to": "silver.things.id"}]}]}],
}  # fmt: skip
#: Where a field of each of the standard's models can stand in the contracts above.
PLACES: dict[str, tuple[dict[str, Any], tuple[str | int, ...]]] = {
    "OpenDataContractStandard": (LANDING, ()),
    "Description": (LANDING, ("description",)),
    "AuthoritativeDefinition": (LANDING, ("authoritativeDefinitions", 0)),
    "Support": (LANDING, ("support", 0)),
    "Pricing": (LANDING, ("price",)),
    "Team": (LANDING, ("team",)),
    "TeamMember": (LANDING, ("team", "members", 0)),
    "Context": (LANDING, ("context",)),
    "VerifiedStatement": (LANDING, ("context", "verifiedStatements", 0)),
    "Constraint": (LANDING, ("context", "constraints", 0)),
    "Synonym": (LANDING, ("schema", 0, "synonyms", 0)),
    "Server": (LANDING, ("servers", 0)),
    "SchemaObject": (LANDING, ("schema", 0)),
    "SchemaProperty": (LANDING, ("schema", 0, "properties", 0)),
    "EnumValue": (LANDING, ("schema", 0, "properties", 0, "enum", 0)),
    "DataQuality": (DERIVED, ("schema", 0, "quality", 0)),
    "Relationship": (DERIVED, ("schema", 0, "properties", 0, "relationships", 0)),
    "ServiceLevelAgreementProperty": (LANDING, ("slaProperties", 0)),
    "CustomProperty": (LANDING, ("customProperties", 0)),
}
#: What the standard has and is refused, decided for the version that is installed.
REFUSED = {
    "OpenDataContractStandard": {"roles", "slaDefaultElement"},
    "Server": {
        "environment", "roles", "customProperties", "account", "catalog", "catalogUrl", "database", "dataset",
        "encoding", "endpointUrl", "host", "namespace", "path", "port", "project", "region", "regionName", "schema",
        "serviceName", "stagingDir", "warehouse", "workgroup",
    },
    "SchemaProperty": {"encryptedName", "properties", "items", "map"},
    "DataQuality": {"customProperties", "schedule", "scheduler", "rule"},
    "ServiceLevelAgreementProperty": {"valueExt", "scheduler", "schedule", "customProperties"},
    **{
        kind: {"customProperties"}
        for kind in (
            "Description", "EnumValue", "Relationship", "Support", "Synonym", "Team", "TeamMember",
            "VerifiedStatement", "Constraint",
        )
    },
    # Below what is refused as a whole.
    "Role": {"id", "role", "description", "access", "firstLevelApprovers", "secondLevelApprovers", "customProperties"},
    "MapDefinition": {"key", "value"},
}  # fmt: skip


def models(kind: Any, seen: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """Return the model ``kind`` and all that it has, by name."""
    for part in get_args(kind) if get_origin(kind) in (list, dict, Union, UnionType) else (kind,):
        if isinstance(part, type) and issubclass(part, BaseModel):
            if part.__name__ not in seen:
                seen[part.__name__] = part
                for field in part.model_fields.values():
                    models(field.annotation, seen)
        elif get_args(part):
            models(part, seen)
    return seen


MODELS = models(OpenDataContractStandard, {})


def fields(kind: str) -> dict[str, Any]:
    """Return the annotation of each field of a model, by the name that a file has."""
    return {field.alias or name: field.annotation for name, field in MODELS[kind].model_fields.items()}


def cases(chosen: dict[str, set[str]]) -> Iterator[Any]:
    for kind in sorted(chosen.keys() & PLACES.keys()):
        yield from (pytest.param(kind, name, id=f"{kind}.{name}") for name in sorted(chosen[kind]))


def read(contract: dict[str, Any], folder: Path) -> Contract:
    path = folder / "things.yaml"
    path.write_text(yaml.safe_dump(contract))
    return load_contract(path)


def value_of(kind: Any) -> Any:
    """Return a value that the standard takes for an annotation."""
    options = [each for each in get_args(kind) if each is not type(None)]
    if get_origin(kind) in (Union, UnionType):
        return value_of(next((each for each in options if get_origin(each) is None), options[0]))
    if get_origin(kind) is list:
        return [value_of(options[0])]
    if get_origin(kind) is dict:
        return {"name": "x"}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {}
    return {str: "x", int: 1, float: 1.0, bool: True}.get(kind, "x")


def with_field(kind: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the contract of a model's place, without and with one more field there."""
    base, at = PLACES[kind]
    changed = deepcopy(base)
    place: Any = changed
    for step in at:
        place = place[step]
    place.setdefault(name, STATED.get((kind, name), [value_of(fields(kind)[name])])[0])
    return base, changed


def test_each_field_of_the_standard_is_decided() -> None:
    assert len(MODELS) > 15
    for kind in MODELS:
        decided = [ACTS.get(kind, frozenset()), DOCUMENTS.get(kind, frozenset()), REFUSED.get(kind, set())]
        assert sorted(fields(kind)) == sorted(name for some in decided for name in some), kind


@pytest.mark.parametrize(("kind", "name"), list(cases(REFUSED)))
def test_a_field_without_effect_is_refused_by_name(kind: str, name: str, tmp_path: Path) -> None:
    base, changed = with_field(kind, name)
    assert read(base, tmp_path)
    with pytest.raises(ContractError, match=rf"{name}: {name} has no effect here; remove it"):
        read(changed, tmp_path)


@pytest.mark.parametrize(("kind", "name"), list(cases({k: set(v) for k, v in DOCUMENTS.items()})))
def test_a_field_that_documents_is_taken_and_changes_nothing(kind: str, name: str, tmp_path: Path) -> None:
    base, changed = with_field(kind, name)
    assert read(changed, tmp_path) == read(base, tmp_path)


def placed(kind: str, name: str, value: Any) -> dict[str, Any]:
    """Return the contract of a model's place with a value of a field there."""
    base, at = PLACES[kind]
    changed = deepcopy(base)
    place: Any = changed
    for step in at:
        place = place[step]
    place[name] = value
    return changed


@pytest.mark.parametrize(("kind", "name"), sorted(STATED))
def test_of_a_field_with_named_values_any_other_value_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    for value in STATED[kind, name]:
        if (kind, name) != ("DataQuality", "type"):  # each type has fields of its own: see test_checks
            assert read(placed(kind, name, value), tmp_path)
    for value in ("", "nonsense", STATED[kind, name][0].upper() + "x"):
        with pytest.raises(ContractError, match=rf"things\.yaml:[0-9]+: .*{name}: .*allowed: "):
            read(placed(kind, name, value), tmp_path)


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0", "v2.1.0", "2026.11.26", "1.0.0-rc.1", "1.0.0+build.5"])
def test_a_version_is_taken(version: str, tmp_path: Path) -> None:
    assert read(placed("OpenDataContractStandard", "version", version), tmp_path).version == version


@pytest.mark.parametrize("version", ["", "nonsense", "1.", ".1", "1..0", "1.0.0 final", "1,0", "latest", "1.0.0-"])
def test_what_is_no_version_is_refused(version: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"things\.yaml:[0-9]+: version: .* is no version; write one such as"):
        read(placed("OpenDataContractStandard", "version", version), tmp_path)


def column_of(contract: dict[str, Any], more: dict[str, Any], folder: Path) -> Contract:
    """Read a contract with one column, which says more than its name and type."""
    changed = deepcopy(contract)
    changed["schema"][0]["properties"] = [{"name": "id", "physicalType": "string", **more}]
    return read(changed, folder)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"physicalType": "date", "logicalTypeOptions": {"format": "dd.MM.yyyy"}},
            r"logicalTypeOptions\.format: a format says how texts are read that arrive; remove it",
        ),
        ({"physicalName": "ID"}, "physicalName: it is the name in what arrives; remove it"),
    ],
    ids=["format", "physicalName"],
)
def test_how_a_columns_values_come_is_not_said_of_a_table_that_is_made(
    more: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert column_of(LANDING, more, tmp_path)
    with pytest.raises(ContractError, match=said):
        column_of(DERIVED, more, tmp_path)


def test_a_made_columns_own_name_may_be_said_twice(tmp_path: Path) -> None:
    assert column_of(DERIVED, {"physicalName": "id"}, tmp_path) == column_of(DERIVED, {}, tmp_path)


def test_unique_is_said_of_a_table_whose_rows_are_compared(tmp_path: Path) -> None:
    assert column_of(DERIVED, {"unique": True}, tmp_path).columns[0].unique
    assert column_of(LANDING, {"unique": False}, tmp_path)
    with pytest.raises(
        ContractError, match=r"properties\.0\.unique: .*declare unique or primaryKey on the derived table"
    ):
        column_of(LANDING, {"unique": True}, tmp_path)


def test_a_columns_relationship_is_from_that_column(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"relationships\.0\.from: it is from id where it stands; remove it"):
        column_of(DERIVED, {"relationships": [{"from": "other", "to": "silver.things.id"}]}, tmp_path)


def test_files_come_by_no_stream(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"servers\.0\.stream: files come by no stream; remove it"):
        read(placed("Server", "stream", "things"), tmp_path)
