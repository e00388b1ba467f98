"""What a run on Spark knows of the declared project."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from sluice.contracts import Check, Column, Reference, Rules, parse_type
from sluice.project import Project
from sluice.refresh.spark.project import ShippedProject
from sluice.transforms.checks import compile_checks
from tests.sluice.refresh.small_shop import project


@pytest.mark.slow
def test_a_run_on_spark_knows_what_one_on_duckdb_does() -> None:
    shop = with_checks(project())
    shipped = ShippedProject(shop.to_json())
    propagations = set()
    for transform in shop.transforms:
        assert shipped.transform(transform.table) == transform
        for propagation in transform.propagations.values():
            propagations.add((bool(propagation.on), bool(propagation.join_on), bool(propagation.key)))
    assert len(shipped.transform("silver.orders").audit) > 3
    assert propagations == {(True, False, False), (True, False, True), (False, True, False), (False, False, False)}


def with_checks(shop: Project) -> Project:
    """The shop, with a check of each kind on ``silver.orders``."""
    contract = shop.contract("silver.orders")
    columns = tuple(
        msgspec.structs.replace(column, rules=Rules(allowed=("placed", "paid"))) if column.name == "state" else column
        for column in contract.columns
    )
    columns = (*columns[:1], Column("customer_id", parse_type("string"), unique=True), *columns[2:])
    products = Reference("silver.products", ("product_id",))
    checks = (
        Check("known products", "foreignKey", ("", None), ("customer_id",), references=products),
        Check("many", "rowCount", ("mustBeGreaterThan", 99), severity="warning"),
        Check("stays", "rowCountChange", ("mustBeBetween", [-1, 1])),
    )
    checked = msgspec.structs.replace(contract, columns=columns, checks=checks)
    transforms = tuple(
        replace(each, audit=compile_checks(checked), checks="of each kind") if each.table == checked.table else each
        for each in shop.transforms
    )
    return Project(tuple(checked if each is contract else each for each in shop.contracts), transforms)
