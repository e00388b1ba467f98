"""A query gives the items that its key condition names, in order and page by page, and looks at no others."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.dynamodb.models.dynamo_type import DynamoType

from localaws.context import Context
from tests.localaws.running import ctx  # noqa: F401

PARTITIONS = ("p1", "p2", "p3")
SORTS = ("a", "a#1", "a#2", "ab", "b#1", "b#2", "c", "é")
CONDITIONS = {
    "": lambda s, x, y: True,
    "sk = :x": lambda s, x, y: s == x,
    "sk < :x": lambda s, x, y: s < x,
    "sk <= :x": lambda s, x, y: s <= x,
    "sk > :x": lambda s, x, y: s > x,
    "sk >= :x": lambda s, x, y: s >= x,
    "sk BETWEEN :x AND :y": lambda s, x, y: x <= s <= y,
    "begins_with(sk, :x)": lambda s, x, y: s.startswith(x),
}


@pytest.fixture(scope="module")
def table(ctx: Context) -> Any:
    """A table in which the items of each partition are those whose sort key is in the partition's share of SORTS."""
    client = ctx.client("dynamodb")
    client.create_table(
        TableName="queries",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    for number, partition in enumerate(PARTITIONS[:2]):
        for sort in SORTS[number:]:
            client.put_item(TableName="queries", Item={"pk": {"S": partition}, "sk": {"S": sort}})
    return client


def asked(table: Any, partition: str, condition: str, x: str, y: str, **more: Any) -> list[str]:
    values = {":p": partition, **{name: value for name, value in ((":x", x), (":y", y)) if name in condition}}
    pages = table.get_paginator("query").paginate(
        TableName="queries",
        KeyConditionExpression=f"pk = :p{' AND ' * bool(condition)}{condition}",
        ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
        **more,
    )
    return [item["sk"]["S"] for page in pages for item in page["Items"]]


@given(
    st.sampled_from(PARTITIONS), st.sampled_from(sorted(CONDITIONS)), st.sampled_from(SORTS), st.sampled_from(SORTS),
    st.booleans(), st.integers(1, 9),
)  # fmt: skip
def test_a_query_gives_what_its_key_condition_names(
    table: Any, partition: str, condition: str, x: str, y: str, forward: bool, limit: int
) -> None:
    x, y = sorted((x, y))
    there = SORTS[PARTITIONS.index(partition) :] if partition in PARTITIONS[:2] else ()
    wanted = sorted(sort for sort in there if CONDITIONS[condition](sort, x, y))
    found = asked(table, partition, condition, x, y, ScanIndexForward=forward, PaginationConfig={"PageSize": limit})
    assert found == (wanted if forward else wanted[::-1])


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, True), ({"ProjectionExpression": "shade"}, True),
        ({"FilterExpression": "attribute_not_exists(shade)"}, True),
        ({"FilterExpression": "attribute_exists(shade)"}, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("condition", ["", "begins_with(sk, :x)", "sk = :x"])
def test_a_page_has_a_last_key_where_the_limit_ended_it_also_when_nothing_follows(
    table: Any, condition: str, forward: bool, more: dict[str, str], shown: bool
) -> None:
    there = sorted(sort for sort in SORTS if CONDITIONS[condition](sort, "a", ""))[:: 1 if forward else -1]
    named = {":p": {"S": "p1"}, **({":x": {"S": "a"}} if ":x" in condition else {})}
    asked_for = {
        "TableName": "queries", "KeyConditionExpression": f"pk = :p{' AND ' * bool(condition)}{condition}",
        "ExpressionAttributeValues": named, "ScanIndexForward": forward, **more,
    }  # fmt: skip
    for limit in range(1, len(there) + 2):
        page = table.query(**asked_for, Limit=limit)
        ended = {"pk": {"S": "p1"}, "sk": {"S": there[limit - 1]}} if limit <= len(there) else None
        assert page.get("LastEvaluatedKey") == ended
        assert page["ScannedCount"] == min(limit, len(there))
        assert len(page["Items"]) == page["ScannedCount"] * shown
    after = table.query(**asked_for, Limit=1, ExclusiveStartKey={"pk": {"S": "p1"}, "sk": {"S": there[-1]}})
    assert (after["Items"], after.get("LastEvaluatedKey")) == ([], None)


def test_a_page_of_an_index_and_of_a_table_without_sort_key_has_a_last_key_too(ctx: Context) -> None:
    client = ctx.client("dynamodb")
    client.create_table(
        TableName="indexed",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "other")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "others",
                "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    item = {"pk": {"S": "a"}, "other": {"S": "b"}}
    client.put_item(TableName="indexed", Item=item | {"more": {"S": "c"}})
    for limit, last in ((1, True), (2, False)):
        page = client.query(
            TableName="indexed", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "a"}},
            Limit=limit,
        )  # fmt: skip
        assert page.get("LastEvaluatedKey") == ({"pk": item["pk"]} if last else None)
        page = client.query(
            TableName="indexed", KeyConditionExpression="other = :p", ExpressionAttributeValues={":p": {"S": "b"}},
            IndexName="others", Limit=limit,
        )  # fmt: skip
        assert (page["Items"], page.get("LastEvaluatedKey")) == ([item], item if last else None)


@pytest.mark.slow
def test_a_query_looks_at_no_item_of_another_partition(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs does not grow with the table."""
    looks: list[str] = []
    for name in ("__eq__", "__lt__", "compare", "size"):
        own = getattr(DynamoType, name)

        def counted(this: Any, *given: Any, own: Any = own, name: str = name) -> Any:
            looks.append(name)
            return own(this, *given)

        monkeypatch.setattr(DynamoType, name, counted)
    asked(table, "p2", "begins_with(sk, :x)", "a", "")
    before = len(looks)
    assert before
    for number in range(200):
        table.put_item(TableName="queries", Item={"pk": {"S": "large"}, "sk": {"S": f"a{number}"}})
    looks[:] = []
    asked(table, "p2", "begins_with(sk, :x)", "a", "")
    assert len(looks) <= before


ATTRIBUTES = {
    "S": "é", "N": "1.50", "B": b"\x00\xff", "SS": ["a", "b"], "NS": ["1", "2"], "BS": [b"\x00", b"\x01"],
    "NULL": True, "BOOL": False, "L": [{"S": ""}, {"M": {"x": {"BOOL": True}}}, {"L": []}],
    "M": {"S": {"N": "0"}, "empty": {"M": {}}, "list": {"L": [{"NULL": True}, {"B": b"\x02"}]}},
}  # fmt: skip


@pytest.mark.parametrize("call", ["get_item", "query", "scan", "batch_get_item"])
def test_every_type_of_attribute_comes_back_as_it_was_put(table: Any, call: str) -> None:
    key = {"pk": {"S": "types"}, "sk": {"S": "all"}}
    item = {**key, **{f"as {kind}": {kind: value} for kind, value in ATTRIBUTES.items()}}
    table.put_item(TableName="queries", Item=item)
    if call == "get_item":
        found = [table.get_item(TableName="queries", Key=key)["Item"]]
    elif call == "batch_get_item":
        found = table.batch_get_item(RequestItems={"queries": {"Keys": [key]}})["Responses"]["queries"]
    else:
        named = {"ExpressionAttributeValues": {":p": {"S": "types"}}, "TableName": "queries"}
        condition = {"KeyConditionExpression" if call == "query" else "FilterExpression": "pk = :p"}
        found = getattr(table, call)(**named, **condition)["Items"]
    sets = {f"as {kind}": sorted(item[f"as {kind}"][kind]) for kind in ("SS", "NS", "BS")}
    assert [{**each, **{name: {name[3:]: sorted(each[name][name[3:]])} for name in sets}} for each in found] == [item]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_that_their_size_ended_hold_each_item_once(ctx: Context, forward: bool) -> None:
    client, name = ctx.client("dynamodb"), f"large-{forward}".lower()
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    numbers = [-2, 1, 9, 10, 100, 1000]
    for number in numbers:
        client.put_item(TableName=name, Item={"pk": {"S": "p"}, "sk": {"N": str(number)}, "text": {"S": "x" * 350_000}})
    pages = list(
        client.get_paginator("query").paginate(
            TableName=name,
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": {"S": "p"}},
            ScanIndexForward=forward,
        )
    )
    found = [int(item["sk"]["N"]) for page in pages for item in page["Items"]]
    assert found == numbers[:: 1 if forward else -1]
    assert [len(page["Items"]) for page in pages] == [2, 2, 2]
