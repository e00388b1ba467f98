"""A table that may lose rows when its inputs' retention ends says so in its contract, or is refused at the check."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sluice.contracts import Contract
from sluice.errors import TransformError
from sluice.transforms import Input, source, transform
from sluice.transforms.declaration_checks import check_declaration
from sluice.transforms.discover import DiscoveredTransform
from tests.sluice.refresh.small_shop import CONTRACTS

BY_TABLE = {contract.table: contract for contract in CONTRACTS}
LATEST = source("bronze.orders", on="order_id", newest="updated_at")


def declared(table: str, write: str, key: tuple[str, ...] = (), **inputs: str | Input) -> DiscoveredTransform:
    """A table as discovered."""

    @transform(write=write, recompute_key=key, **inputs)  # type: ignore[arg-type]
    def made(**given: object) -> object:
        return given

    return DiscoveredTransform(**vars(made), table=table, source_hash="", file="made.py", line=1)


def check(item: DiscoveredTransform, **days: int) -> None:
    """Check a declaration where some contracts have a retention; names with ``__`` for the point."""
    told = {name.replace("__", "."): count for name, count in days.items()}
    contracts: dict[str, Contract] = {
        name: replace(each, retention_days=told.get(name)) for name, each in BY_TABLE.items()
    }
    check_declaration(item, contracts)


#: Each loses rows: by itself, or when another row, input or function changes after its input rows are gone.
LOSSY = {
    "whole": (declared("gold.totals", "replace", orders="bronze.orders"), "computes every row anew"),
    "aggregate": (
        declared("silver.visits", "merge", ("session_id",), clicks=source("bronze.clicks", on="session_id")),
        "is not read with `newest`",
    ),
    "latest of each event, by session": (
        declared(
            "silver.visits", "merge", ("session_id",),
            clicks=source("bronze.clicks", on="session_id", newest="happened_at"),
        ),
        "is not its key",
    ),
    "latest, found in the function": (
        declared("silver.orders", "merge", ("order_id",), orders=source("bronze.orders", on="order_id")),
        "is not read with `newest`",
    ),
    "latest, by a part of the key": (
        declared(
            "silver.lines", "merge", ("order_id",), lines=source("bronze.lines", on="order_id", newest="updated_at")
        ),
        "is not its key",
    ),
    "history": (
        declared(
            "gold.product_history", "scd2", ("product_id",),
            products=source("bronze.products", on="product_id", newest="updated_at"),
        ),
        "makes a row of several",
    ),
    "partitions": (
        declared("gold.order_days", "replace_partitions", ("day",), orders=source("bronze.orders", on="day")),
        "makes a row of several",
    ),
    "latest, with an input whose changes touch everything": (
        declared("silver.orders", "merge", ("order_id",), orders=LATEST, products="silver.products"),
        r"a change of another input \(products\)",
    ),
    "latest, with an input that declares what its changes touch": (
        declared(
            "silver.orders", "merge", ("order_id",), orders=LATEST,
            lines=source("silver.lines", on="order_id"),
        ),
        r"a change of another input \(lines\)",
    ),
    "latest, without the key by which a change makes a row anew": (
        declared("silver.orders", "merge", ("order_id",), orders=source("bronze.orders", newest="updated_at")),
        r"does not say by on=\('order_id',\), its key",
    ),
    "an undeclared input": (declared("silver.orders", "merge", ("order_id",), orders="bronze.orders"), "newest"),
}  # fmt: skip
SAFE = {
    "append": declared("gold.click_log", "append", clicks="bronze.clicks"),
    "latest by exactly its key": declared("silver.orders", "merge", ("order_id",), orders=LATEST),
}
EVERY = {"bronze__orders": 30, "bronze__lines": 40, "bronze__products": 30, "bronze__clicks": 30}


@pytest.mark.parametrize(("item", "why"), LOSSY.values(), ids=LOSSY)
def test_what_may_lose_rows_when_its_inputs_retention_ends_is_refused_with_the_ways_out(
    item: DiscoveredTransform, why: str
) -> None:
    with pytest.raises(TransformError, match=why) as refused:
        check(item, **EVERY)
    for way in ("days or fewer in", "write='append'", "write='merge' by the key of that one input"):
        assert way in str(refused.value)
    check(item)  # no retention, nothing to lose


@pytest.mark.parametrize("item", [item for item, _ in LOSSY.values()], ids=LOSSY)
def test_its_author_may_say_that_rows_go_with_what_they_were_made_of_and_last_no_longer(
    item: DiscoveredTransform,
) -> None:
    shortest = 40 if item.table == "silver.lines" else 30
    own = item.table.replace(".", "__")
    check(item, **EVERY, **{own: shortest})
    with pytest.raises(TransformError, match=rf"lasts no longer than bronze\.\w+, {shortest} days"):
        check(item, **EVERY, **{own: shortest + 1})


@pytest.mark.parametrize("item", SAFE.values(), ids=SAFE)
def test_what_recomputes_nothing_or_only_what_a_later_row_replaces_needs_no_retention_and_may_have_one(
    item: DiscoveredTransform,
) -> None:
    check(item, **EVERY)
    check(item, **EVERY, **{item.table.replace(".", "__"): 30})


@pytest.mark.parametrize("item", [*SAFE.values(), *(item for item, _ in LOSSY.values())], ids=[*SAFE, *LOSSY])
def test_a_retention_of_a_table_whose_inputs_have_none_is_refused(item: DiscoveredTransform) -> None:
    with pytest.raises(TransformError, match="no landing dataset that it reads has one; remove it"):
        check(item, **{item.table.replace(".", "__"): 30})
