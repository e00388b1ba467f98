"""Writes an attribute's value into an answer by the one member that it has.

moto asks each value for each of the eleven members that DynamoDB's AttributeValue may have, under every name that its
model knows: that is nine tenths of what a page of items takes.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

from typing import Any

from moto.core.serialize import BaseJSONSerializer

from localaws.moto_patches import original, replace


def install() -> None:
    """Make moto write attributes' values by the members that they have; safe to repeat."""
    replace(BaseJSONSerializer, "_serialize_type_structure", _serialize_type_structure)


def _serialize_type_structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name != "AttributeValue" or not key or type(value) is not dict or not value.keys() <= shape.members.keys():
        original(BaseJSONSerializer, "_serialize_type_structure")(self, serialized, value, shape, key)
        return
    written: dict[str, Any] = {}
    for name, inner in value.items():
        if inner is not None:
            self._serialize(written, inner, shape.members[name], name)
    self._default_serialize(serialized, written, shape, key)
