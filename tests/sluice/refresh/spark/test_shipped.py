"""What a run on Spark knows of the declared project."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from sluice.contracts import Check, Column, Reference, Rules, parse_type
from sluice.project import Project
from sluice.refresh.spark.shipped import ShippedProject
from sluice.transforms.checks import compile_checks
from tests.sluice.refresh.small_shop import project


def test_a_run_on_spark_knows_what_one_on_duckdb_does() -> None:
    shop = with_checks(project())
    shipped = ShippedProject(shop.to_json())
    checks, propagations = 0, set()
    for transform in shop.transforms:
        told = shipped.transform(transform.table)
        assert (told.fingerprint, told.inputs) == (transform.fingerprint, transform.inputs)
        assert (told.checks, told.engine) == (transform.checks, transform.engine)
        assert (told.write, told.recompute_key) == (transform.write, transform.recompute_key)
        for name, propagation in transform.propagations.items():
            assert asdict(told.propagations[name]) == msgspec.structs.asdict(propagation), (transform.table, name)
            propagations.add((bool(propagation.on), bool(propagation.join_on), bool(propagation.key)))
        for check, compiled in zip(told.audit, transform.audit, strict=True):
            same = {name: v for name, v in msgspec.structs.asdict(compiled).items() if name not in ("duckdb", "spark")}
            assert asdict(check) == {**same, "sql": compiled.spark}
            checks += 1
    assert checks > 3
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
        msgspec.structs.replace(each, audit=compile_checks(checked), checks="of each kind")
        if each.table == checked.table
        else each
        for each in shop.transforms
    )
    return Project(tuple(checked if each is contract else each for each in shop.contracts), transforms)
