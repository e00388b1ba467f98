"""The expressions of DynamoDB that the pace is kept by, fast enough for a simulated day; compared with moto's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, dict[str, str]]


class ConditionalCheckFailedException(ClientError):
    """What DynamoDB raises where a condition fails."""


class SmallDynamoDb:
    """One table; calls of which it does not know every word fail."""

    ConditionalCheckFailedException = ConditionalCheckFailedException

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.exceptions = self

    def update_item(self, **given: Any) -> dict[str, Any]:
        """Change an item, if its condition holds."""
        names, values = given.get("ExpressionAttributeNames", {}), given.get("ExpressionAttributeValues", {})
        item = self.items.get(given["Key"]["entry"]["S"], {})
        condition = given.get("ConditionExpression", "")
        alternatives = [part.split(" AND ") for part in condition.split(" OR ")] if condition else [[]]
        if not any(all(_holds(each, item, values) for each in every) for every in alternatives):
            found = {"Item": dict(item)} if item else {}
            raise ConditionalCheckFailedException({"Error": {}, **found}, "UpdateItem")  # type: ignore[typeddict-item]
        changed = dict(item or given["Key"])
        clauses = re.fullmatch(r"(?:SET (.*?))?\s*(?:REMOVE (.*))?", given["UpdateExpression"])
        assert clauses
        for each in _parts(clauses[1]):
            name, _, value = each.partition(" = ")
            if other := re.fullmatch(r"if_not_exists\((\w+), (:\w+)\)(?: \+ (:\w+))?", value):
                found = item.get(other[1], values[other[2]])
                if other[3]:
                    found = {"N": str(Decimal(found["N"]) + Decimal(values[other[3]]["N"]))}
                changed[names.get(name, name)] = found
            else:
                changed[names.get(name, name)] = values[value]
        for each in _parts(clauses[2]):
            changed.pop(names.get(each, each), None)
        self.items[given["Key"]["entry"]["S"]] = changed
        told = item if given["ReturnValues"] == "ALL_OLD" else changed
        return {"Attributes": dict(told)} if told else {}

    def delete_item(self, *, Key: dict[str, Any], **_: Any) -> None:  # noqa: N803
        """Delete an item."""
        self.items.pop(Key["entry"]["S"], None)

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        """Return an item."""
        found = self.items.get(Key["entry"]["S"])
        return {"Item": dict(found)} if found else {}

    def get_paginator(self, _: str) -> SmallDynamoDb:
        """Be the paginator of a query."""
        return self

    def paginate(self, *, ExpressionAttributeValues: dict[str, Any], **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        """Yield all items, as a query by the prefix of all of them does."""
        assert ExpressionAttributeValues == {":partition": {"S": ".pace"}}
        yield {"Items": [dict(self.items[name]) for name in sorted(self.items)]}


def _parts(clause: str | None) -> list[str]:
    """Return the parts of a clause between commas, those in brackets aside."""
    return re.split(r", (?![^(]*\))", clause) if clause else []


def _holds(condition: str, item: Item, values: Mapping[str, dict[str, str]]) -> bool:
    if missing := re.fullmatch(r"attribute_not_exists\((\w+)\)", condition):
        return missing[1] not in item
    if present := re.fullmatch(r"attribute_exists\((\w+)\)", condition):
        return present[1] in item
    if contained := re.fullmatch(r"contains\((\w+), (:\w+)\)", condition):
        return contained[1] in item and values[contained[2]]["S"] in item[contained[1]]["S"]
    compared = re.fullmatch(r"(\w+) (<=|<|>) (:\w+)", condition)
    assert compared, condition
    if compared[1] not in item:
        return False
    mine, other = float(item[compared[1]]["N"]), float(values[compared[3]]["N"])
    return {"<=": mine <= other, "<": mine < other, ">": mine > other}[compared[2]]
