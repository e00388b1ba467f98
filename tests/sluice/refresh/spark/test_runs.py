"""Single runs on Spark: checks before publishing, other writers, what a killed run leaves, what inputs may be like."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.errors import CheckFailed, CommitConflict, TransformError
from sluice.refresh.spark.branch import Branch
from sluice.refresh.spark.maintain import expire_snapshots
from sluice.refresh.tables import described_run
from sluice.tables.files import snapshot_of
from tests.sluice.refresh.behaviour import with_transform
from tests.sluice.refresh.small_shop import project
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.records import FRIDAY, MONDAY, click, order, product
from tests.sluice.refresh.spark.shop import SharedShop
from tests.sluice.refresh.spark.test_project import with_checks

pytestmark = pytest.mark.spark


@pytest.fixture
def shop(aws: LocalAws, spark: SparkSession) -> SharedShop:
    return SharedShop(aws, spark, BUCKET)


@pytest.fixture
def checked(aws: LocalAws, spark: SparkSession) -> SharedShop:
    return SharedShop(aws, spark, BUCKET, declared=with_checks(project()))


def test_what_breaks_a_check_is_never_published_and_both_engines_say_why(checked: SharedShop) -> None:
    checked.deliver("orders", [order(1, FRIDAY), order(2, FRIDAY, state="lost", customer_id="c1")])
    said = []
    for run in (checked.run, checked.run_spark):
        with pytest.raises(CheckFailed) as caught:
            run("silver.orders")
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "- state is one of placed, paid: 1 row; for example 'lost'" in said[1]
    assert "- (customer_id) is unique: 1 key; for example 'c1'" in said[1]
    assert "- known products: 2 rows; for example 'c1'" in said[1]
    assert "many" not in said[1]
    assert checked.load("silver.orders").refs() == {}
    assert checked.rows("silver.orders") == []


def test_a_transform_of_the_other_engine_is_refused(shop: SharedShop) -> None:
    shop.engine = shop.engine_for(with_transform("silver.orders", engine="duckdb"))
    with pytest.raises(TransformError, match=r'orders is declared with engine="duckdb" and cannot run on Spark'):
        shop.run_spark("silver.orders")


@pytest.mark.proof
def test_a_measure_sees_the_table_before_and_as_it_will_be(checked: SharedShop) -> None:
    checked.deliver("products", [product(f"c{number}", "toys") for number in (1, 2, 3)])
    checked.run("silver.products")
    checked.deliver("orders", [order(1, FRIDAY), order(2, FRIDAY)])
    assert checked.run_spark("silver.orders").warnings == ("many: found 2, mustBeGreaterThan 99",)
    before = snapshot_of(checked.load("silver.orders"))
    checked.deliver("orders", [order(3, MONDAY)])
    with pytest.raises(CheckFailed, match=r"silver\.orders: 1 of its checks fail:\n- stays: found 50"):
        checked.run_spark("silver.orders")
    assert snapshot_of(checked.load("silver.orders")) == before
    assert list(checked.load("silver.orders").refs()) == ["main"]


@pytest.mark.parametrize("first", [False, pytest.param(True, marks=[pytest.mark.proof])])
def test_a_run_that_another_overtakes_begins_again(
    shop: SharedShop, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    shop.deliver("orders", [order(1, FRIDAY)])
    if not first:
        shop.run("silver.orders")
        shop.deliver("orders", [order(2, FRIDAY)])
    real, raced = Branch.publish, []

    def publish(branch: Branch) -> str:
        if not raced:
            raced.append(True)
            shop.deliver("orders", [order(3, FRIDAY)])
            shop.run("silver.orders")
        return real(branch)

    monkeypatch.setattr(Branch, "publish", publish)
    run = shop.run_spark("silver.orders")
    assert run.reason == "changes of nothing"
    assert len(shop.rows("silver.orders")) == (2 if first else 3)
    assert list(shop.load("silver.orders").refs()) == ["main"]
    assert run.snapshot == snapshot_of(shop.load("silver.orders"))


@pytest.mark.proof
def test_a_run_that_is_always_overtaken_ends_with_nothing_published(
    shop: SharedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver("orders", [order(1, FRIDAY)])
    real, raced = Branch.publish, []

    def publish(branch: Branch) -> str:
        raced.append(True)
        shop.run("silver.orders")
        return real(branch)

    monkeypatch.setattr(Branch, "publish", publish)
    with pytest.raises(CommitConflict, match=r"silver\.orders: another writer committed first"):
        shop.run_spark("silver.orders")
    assert len(raced) == 3
    table = shop.load("silver.orders")
    assert described_run(table, "silver.orders").engine == "duckdb"
    assert list(table.refs()) == ["main"]


@pytest.mark.parametrize("first", [False, pytest.param(True, marks=[pytest.mark.proof])])
def test_a_run_whose_branch_a_later_one_removed_begins_again(
    shop: SharedShop, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Else it would go on from what the later one published, and add its rows to those."""
    shop.deliver("clicks", [click(1, "s1")])
    if not first:
        shop.run_spark("gold.click_log")
        shop.deliver("clicks", [click(2, "s1")])
    step = "replace" if first else "append"
    real, raced = getattr(Branch, step), []

    def write(branch: Branch, *given: Any) -> None:
        if not raced:
            raced.append(True)
            assert shop.run_spark("gold.click_log").rows == (1 if first else 2)
        real(branch, *given)

    monkeypatch.setattr(Branch, step, write)
    assert shop.run_spark("gold.click_log").rows == (1 if first else 2)
    assert len(shop.rows("gold.click_log")) == (1 if first else 2)
    assert list(shop.load("gold.click_log").refs()) == ["main"]


def test_files_in_which_nothing_changes_stay_as_they_are(shop: SharedShop) -> None:
    shop.deliver("orders", [order(1, FRIDAY), order(2, FRIDAY)])
    shop.run_spark("silver.orders")
    before = {task.file.file_path for task in shop.load("silver.orders").scan().plan_files()}
    shop.deliver("orders", [order(9, FRIDAY)])
    run = shop.run_spark("silver.orders")
    assert (run.incremental, run.rows, run.rows_written) == (True, 3, 1)
    after = {task.file.file_path for task in shop.load("silver.orders").scan().plan_files()}
    assert before < after
    assert len(after) == len(before) + 1


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("first", [False, pytest.param(True, marks=[pytest.mark.proof])])
def test_what_a_killed_run_wrote_is_never_read_and_the_next_run_removes_it(
    shop: SharedShop, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    if not first:
        shop.deliver("orders", [order(1, FRIDAY)])
        shop.run_spark("silver.orders")
    before = shop.rows("silver.orders")
    shop.deliver("orders", [order(2, FRIDAY)])

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Branch, "stamp", dies)
        patch.setattr(Branch, "drop", lambda _: None)
        with pytest.raises(Killed):
            shop.run_spark("silver.orders")
    (left,) = set(shop.load("silver.orders").refs()) - {"main"}
    assert left.startswith("sluice-silver-orders-")
    assert shop.rows("silver.orders") == before
    shop.deliver("orders", [order(3, FRIDAY)])
    shop.run("silver.orders")
    assert len(shop.rows("silver.orders")) == len(before) + 2
    shop.run_spark("silver.orders")
    assert list(shop.load("silver.orders").refs()) == ["main"]
    assert len(shop.rows("silver.orders")) == len(before) + 2


@pytest.mark.proof
def test_a_run_reads_the_pinned_snapshots_in_the_tables_present_columns(shop: SharedShop) -> None:
    nothing = shop.run_spark("silver.orders", pinned={"bronze.orders": "empty"})
    assert (nothing.rows, nothing.inputs) == (0, {"bronze.orders": "empty"})
    shop.deliver("orders", [order(1, FRIDAY)])
    pinned = {"bronze.orders": snapshot_of(shop.load("bronze.orders"))}
    bronze = shop.load("bronze.orders")
    with bronze.transaction() as transaction, transaction.update_schema() as update:
        update.add_column("note", bronze.schema().find_field("state").field_type)
    shop.deliver("orders", [order(2, FRIDAY)])
    assert shop.lake.rows("bronze.orders", pinned["bronze.orders"]).select("note").collect() == [(None,)]
    assert shop.run_spark("silver.orders", pinned=pinned).rows == 1
    assert shop.run_spark("silver.orders").rows == 2


def test_an_input_with_deletes_of_single_rows_is_read_whole(shop: SharedShop) -> None:
    shop.deliver("orders", [order(1, FRIDAY), order(2, FRIDAY)])
    shop.run_spark("silver.orders")
    name = shop.lake.name("bronze.orders")
    shop.lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')")
    shop.lake.spark.sql(f"DELETE FROM {name} WHERE order_id = 'o1'")
    run = shop.run_spark("silver.orders")
    assert (run.incremental, run.rows) == (False, 1)
    assert "cannot be told" in run.reason


@pytest.mark.proof
def test_deletes_of_single_rows_that_were_rewritten_since_mean_a_whole_run(shop: SharedShop) -> None:
    """A changelog over a snapshot with delete files is refused, though the last snapshot has none."""
    shop.deliver("orders", [order(1, FRIDAY), order(2, FRIDAY)])
    shop.run_spark("silver.orders")
    name = shop.lake.name("bronze.orders")
    shop.lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')")
    shop.lake.spark.sql(f"DELETE FROM {name} WHERE order_id = 'o1'")
    shop.lake.spark.sql(f"INSERT OVERWRITE {name} SELECT * FROM {name}")
    table = shop.load("bronze.orders")
    assert not any(task.delete_files for task in table.scan().plan_files())
    run = shop.run_spark("silver.orders")
    assert (run.incremental, run.rows) == (False, 1)
    assert "bronze.orders cannot be told" in run.reason


@pytest.mark.proof
def test_old_snapshots_expire_with_the_files_that_only_they_had(shop: SharedShop) -> None:
    for number in range(1, 4):
        shop.deliver("orders", [order(1, FRIDAY, number)])
        shop.run_spark("silver.orders")
    table, rows = shop.load("silver.orders"), shop.rows("silver.orders")
    many = len(table.snapshots())
    files = {
        task.file.file_path
        for each in table.snapshots()
        for task in table.scan(snapshot_id=each.snapshot_id).plan_files()
    }
    assert expire_snapshots(shop.lake, "silver.orders", keep=0, worth=many) == 0
    assert expire_snapshots(shop.lake, "silver.orders", keep=0, worth=many - 1) == many - 1
    kept = shop.load("silver.orders")
    assert [each.snapshot_id for each in kept.snapshots()] == [kept.current_snapshot().snapshot_id]
    assert shop.rows("silver.orders") == rows
    left = {task.file.file_path for task in kept.scan().plan_files()}
    assert left < files
    assert all(kept.io.new_input(path).exists() == (path in left) for path in files)
