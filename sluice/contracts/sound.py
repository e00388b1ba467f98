"""Parts what the standard's models can hold of a contract from the rest, all of which is reported at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError

from sluice.contracts.contract_file import Place
from sluice.contracts.odcs import no_such_field
from sluice.shortened import shortened

_WHOLE = OpenDataContractStandard
_FIELDS = [field.alias or name for name, field in _WHOLE.model_fields.items()]
#: What Pydantic says of a value's type, in words of YAML.
#: https://docs.pydantic.dev/latest/errors/validation_errors/
_WANTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def sound_part(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[Place, str]]:
    """Return ``raw`` without the values that are of no type that the standard has, and what is wrong with each.

    An item of a list is left there as an empty one, so that those behind it keep their places.
    """
    sound = copy.deepcopy(dict(raw))
    refused: dict[Place, str] = {}
    while found := _wrong(sound):
        for at in found:
            _take_out(sound, at if at not in refused else _field_above(at))
        refused = found | refused
    return sound, refused


def _wrong(raw: dict[str, Any]) -> dict[Place, str]:
    """Return what is wrong with each value that the standard's models refuse, by its place."""
    try:
        OpenDataContractStandard(**raw)
    except ValidationError as error:
        wanted: dict[Place, dict[str, None]] = {}
        for each in error.errors():
            loc = each["loc"]  # ``schema_`` is the model's own name of a field, unless it is the contract's
            place = _written(raw, tuple(step for step in loc if step != "schema_") or loc)
            if each["type"] == "model_type" and place[-2:-1] == ("enum",):
                said = f"an item of an enum is a mapping: write {{value: {shortened(str(each['input']), 40)}}}"
                wanted[place] = {said: None}
                continue
            said = f"{_WANTED[each['type']]} is wanted" if each["type"] in _WANTED else each["msg"]
            if each["type"] == "extra_forbidden":  # the whole contract's model alone forbids what it does not know
                said = no_such_field(_WHOLE.__name__, str(place[-1]), _FIELDS)
            wanted.setdefault(place, {})[said] = None
        return {place: ", or ".join(texts) for place, texts in wanted.items()}
    return {}


def _written(raw: Any, at: Place) -> Place:
    """Return the part of ``at`` that leads to a value: behind it, Pydantic names the types that it tried."""
    for depth, step in enumerate(at):
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return at[:depth]
    return at


def _take_out(raw: Any, at: Place) -> None:
    for step in at[:-1]:
        raw = raw[step]
    if isinstance(raw, dict):
        raw.pop(at[-1], None)
    else:
        raw[at[-1]] = {}


def _field_above(at: Place) -> Place:
    """Return the place of the field in whose list the value is: of a list that cannot hold an empty mapping."""
    while isinstance(at[-1], int):
        at = at[:-1]
    return at
