"""The permissions that a DynamoDB call needs on each table or index, with the partition keys that it touches.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

import base64
import binascii
import decimal
from collections.abc import Iterable, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.parsing.key_condition_expression import parse_expression

from localaws.context import Context
from localaws.gateway.calls import Request
from localaws.iam.conditions import UNKNOWN, Given

_PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem"}
_WRITES = {"PutRequest": "Item", "DeleteRequest": "Key"}
#: Actions on items whose keys are in the call.
_ITEMS = {"GetItem", "PutItem", "UpdateItem", "DeleteItem"}

#: An action, the table or index as it is named in the call, and the condition keys.
Wanted = tuple[str, str, Mapping[str, Given]]

#: The most digits and the greatest power of ten, with either sign, that DynamoDB numbers are read with:
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_MOST_DIGITS, _MOST_POWER = 38, 130
_EXACT = decimal.Context(prec=60)


def wanted(ctx: Context, request: Request) -> list[Wanted]:
    """Return each permission that a call on tables needs; the keys of a malformed call are `UNKNOWN`."""
    given, action = request.parameters, request.action
    try:
        if action.startswith("Transact"):
            return [_part(ctx, request, item) for item in given["TransactItems"]]
        if action in {"BatchGetItem", "BatchWriteItem"}:
            return [
                (action, table, _context(_leading(ctx, request, table, _batch_keys(parts)), given))
                for table, parts in given["RequestItems"].items()
            ]
    except (KeyError, TypeError, AttributeError, ValueError):
        return []
    name = str(next((given[key] for key in ("TableName", "ResourceArn", "TableArn") if given.get(key)), ""))
    if not name:
        return []
    index = given.get("IndexName")
    leading: Given = None
    if action == "Query":
        leading = _queried(ctx, request, name)
    elif action in _ITEMS:
        leading = _leading(ctx, request, name, [given.get("Item") if action == "PutItem" else given.get("Key")])
    return [(action, f"{_plain(name)}/index/{index}" if index else name, _context(leading, given))]


def _part(ctx: Context, request: Request, item: Mapping[str, Any]) -> Wanted:
    """Return the permission for one part of a transaction, each of which does one thing."""
    ((kind, part),) = item.items()
    leading = _leading(ctx, request, part["TableName"], [part.get("Item") if kind == "Put" else part.get("Key")])
    context = {**_context(leading, part), "dynamodb:enclosingoperation": request.action}
    return _PARTS.get(kind, "ConditionCheckItem"), part["TableName"], context


def _context(leading: Given, given: Mapping[str, Any]) -> dict[str, Given]:
    """Return the condition keys; without ``dynamodb:Attributes``, so that a policy that asks for it allows nothing."""
    return {
        "dynamodb:leadingkeys": leading,
        "dynamodb:select": given.get("Select"),
        "dynamodb:returnvalues": given.get("ReturnValues"),
        "dynamodb:returnconsumedcapacity": given.get("ReturnConsumedCapacity"),
        "dynamodb:enclosingoperation": None,
    }


def _plain(name: str) -> str:
    """Return a table's name, which a call may also give as an ARN."""
    return name.partition(":table/")[2] or name


def _table(ctx: Context, request: Request, name: str) -> Any:
    return dynamodb_backends[ctx.account][request.region].tables.get(_plain(name))


def _batch_keys(parts: Any) -> list[Any]:
    if isinstance(parts, dict):
        return list(parts["Keys"])
    return [part[kind][where] for part in parts for kind, where in _WRITES.items() if kind in part]


def _leading(ctx: Context, request: Request, name: str, items: Iterable[Any]) -> Given:
    """Return the partition keys of ``items``, each once."""
    table = _table(ctx, request, name)
    if table is None:
        return UNKNOWN
    try:
        return tuple(dict.fromkeys(_value(item[table.hash_key_attr]) for item in items))
    except (KeyError, TypeError, ValueError):
        return UNKNOWN


def _queried(ctx: Context, request: Request, name: str) -> Given:
    """Return the partition key of a Query, read with the same parser as moto's own query."""
    given = request.parameters
    if _table(ctx, request, name) is None:
        return UNKNOWN
    try:
        schema = dynamodb_backends[ctx.account][request.region].get_schema(_plain(name), given.get("IndexName"))
        if given.get("KeyConditionExpression"):
            if given.get("KeyConditions"):
                return UNKNOWN
            found, _, _ = parse_expression(
                key_condition_expression=given["KeyConditionExpression"],
                expression_attribute_values=given.get("ExpressionAttributeValues") or {},
                expression_attribute_names=given.get("ExpressionAttributeNames") or {},
                schema=schema,
            )
            return tuple(_value(value) for _, value in found) or UNKNOWN
        (hashed,) = (part["AttributeName"] for part in schema if part["KeyType"] == "HASH")
        condition = given["KeyConditions"][hashed]
        return (
            tuple(map(_value, condition["AttributeValueList"])) if condition["ComparisonOperator"] == "EQ" else UNKNOWN
        )
    except Exception as error:  # noqa: BLE001  moto refuses what it cannot parse with errors of many kinds
        del error
        return UNKNOWN


def _value(attribute: Mapping[str, Any]) -> str:
    """Return a key as text, the same for equal numbers: DynamoDB takes 1, 1.0 and 1e0 for one number."""
    ((kind, value),) = attribute.items()
    if kind == "S" and isinstance(value, str):
        return value
    if kind == "N":
        try:
            number = decimal.Decimal(value)
        except decimal.InvalidOperation as error:
            raise ValueError(f"{value!r} is no number") from error
        if not number.is_finite():
            raise ValueError(f"{value!r} is no number")
        if len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_POWER:
            raise ValueError(f"{value[:50]!r} has more digits than a number has")
        # Of its own digits alone: the usual context would round to 28 of them, and make two keys one.
        return format(_EXACT.plus(number.normalize(_EXACT)), "f")
    if kind == "B":
        try:
            return base64.b64encode(base64.b64decode(value, validate=True)).decode()
        except binascii.Error as error:
            raise ValueError(f"{value!r} is not base64") from error
    raise ValueError(f"a key of type {kind} is no key")
