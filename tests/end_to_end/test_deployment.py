"""What a deployment makes of contracts: the first, one with changes, one that fails, one with a broken transform."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import deploying, local
from sluice.cli import deployment as cli
from sluice.cli.wait import wait
from sluice.errors import CommandError
from sluice.ledger import Ledger
from sluice.load import load_contracts
from tests.end_to_end.running import CONTRACTS, Deployment, as_csv, sluice, started

pytestmark = pytest.mark.slow

FIRST = as_csv([("D1", 10, "early"), ("D2", 20, "")])
#: Types that SQL spells otherwise than a contract.
IN_SQL = {"string": "varchar", "int": "integer"}
PRODUCT = "{0},SKU-{0},Kettle,Kitchen,Acme,1.500,kg,{1},EUR,2026-01-01,2026-01-01T00:00:00Z\n"
PRODUCTS = "product_id,sku,name,category,brand,weight,weight_unit,list_price,currency,valid_from,updated_at\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contracts folder that these tests change."""
    folder = tmp_path_factory.mktemp("declared") / "contracts"
    folder.mkdir()
    shutil.copy(CONTRACTS[1] / "returned_parcels.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Iterator[Deployment]:
    """A deployment of its own: these tests replace it."""
    with started(tmp_path_factory.mktemp("changing"), [CONTRACTS[0], own]) as deployment:
        yield deployment


def redeploy(own: Path, *, accept: bool = False) -> None:
    deploying.deploy([CONTRACTS[0], own], "dev", accept_data_loss=accept)


def change(own: Path, old: str, new: str) -> None:
    path = own / "returned_parcels.yaml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def query(sql: str) -> Any:
    done = sluice("query", sql, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_right_after_a_deployment_every_contracted_table_is_there_empty_and_described(
    deployed: Deployment, own: Path
) -> None:
    contracts = load_contracts([CONTRACTS[0], own])
    schema = "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
    found = {(row["table_schema"], row["table_name"], row["column_name"]): row["data_type"] for row in query(schema)}

    assert len(contracts) >= 10
    for contract in contracts:
        table = deployed.client("glue").get_table(DatabaseName=contract.database, Name=contract.name)["Table"]
        assert table["Description"] == contract.description
        columns = {column["Name"]: column for column in table["StorageDescriptor"]["Columns"]}
        for column in contract.columns:
            assert columns[column.name]["Type"] == str(column.type)
            assert columns[column.name].get("Comment", "") == column.description
            in_sql = found[contract.database, contract.name, column.name]
            assert re.sub(r"^timestamp.*", "timestamp", in_sql) == IN_SQL.get(str(column.type), str(column.type))
    counts = " UNION ALL ".join(f"SELECT '{c.table}' AS name, count(*) AS n FROM {c.table}" for c in contracts)
    assert {row["name"]: row["n"] for row in query(counts)} == {contract.table: 0 for contract in contracts}


def test_with_nothing_delivered_there_is_nothing_to_wait_for(deployed: Deployment) -> None:
    waited = sluice("status", "--wait", "--timeout", "10")

    assert waited.returncode == 0, waited.stderr


def test_describe_names_columns_and_types(deployed: Deployment) -> None:
    done = sluice("query", "DESCRIBE bronze.returned_parcels", "--format", "csv")

    assert done.returncode == 0, done.stderr
    lines = [line.split(",") for line in done.stdout.splitlines()]
    assert ["grams", "int"] in [line[:2] for line in lines], lines
    assert "returned_parcels" in sluice("query", "SHOW TABLES IN bronze").stdout


def test_a_changed_contract_evolves_the_table_and_old_rows_read_null(deployed: Deployment, own: Path) -> None:
    deployed.put("returned_parcels/before.csv", FIRST)
    deployed.settle()

    change(own, "What the driver wrote.", "What the driver wrote on the label.")
    added = (
        "      - name: depot\n        logicalType: string\n        physicalType: string\n"
        "        description: Where the parcel was brought to.\n"
    )
    change(own, "slaProperties:\n", f"{added}slaProperties:\n")
    redeploy(own)
    new = as_csv([("D3", 30, "late", "north")], "parcel_id,grams,note,depot")
    deployed.put("returned_parcels/after.csv", new)
    deployed.put("returned_parcels/old-columns.csv", as_csv([("D4", 40, "")]))
    deployed.settle()

    rows = query("SELECT parcel_id, grams, note, depot FROM bronze.returned_parcels ORDER BY parcel_id")
    assert [tuple(row.values()) for row in rows] == [
        ("D1", 10, "early", None),
        ("D2", 20, None, None),
        ("D3", 30, "late", "north"),
        ("D4", 40, None, None),
    ]
    table = deployed.client("glue").get_table(DatabaseName="bronze", Name="returned_parcels")["Table"]
    comments = {column["Name"]: column.get("Comment") for column in table["StorageDescriptor"]["Columns"]}
    assert comments["note"] == "What the driver wrote on the label."
    assert comments["depot"] == "Where the parcel was brought to."


def test_a_type_that_would_lose_values_is_refused_before_anything_changes(deployed: Deployment, own: Path) -> None:
    text = (own / "returned_parcels.yaml").read_text()
    change(
        own,
        "        logicalType: integer\n        physicalType: int\n",
        "        logicalType: boolean\n        physicalType: boolean\n",
    )
    change(own, "        logicalTypeOptions:\n          minimum: 1\n", "")
    with pytest.raises(CommandError, match=r"bronze\.returned_parcels: column grams from int to boolean") as caught:
        redeploy(own)
    (own / "returned_parcels.yaml").write_text(text)
    assert "nothing was deployed or changed" in caught.value.safe
    stacks = deployed.client("cloudformation").describe_stacks(StackName="sluice-dev-storage")["Stacks"]
    assert [stack["StackStatus"] for stack in stacks] == ["UPDATE_COMPLETE"]
    sets = deployed.client("cloudformation").list_change_sets(StackName="sluice-dev-storage")["Summaries"]
    assert {each["ExecutionStatus"] for each in sets} <= {"EXECUTE_COMPLETE"}


def test_a_deployment_that_cannot_be_rolls_back_and_says_why(deployed: Deployment, own: Path) -> None:
    change(
        own,
        "      - name: depot\n",
        "      - name: depot\n        partitioned: true\n        partitionKeyPosition: 1\n",
    )
    with pytest.raises(CommandError) as caught:
        redeploy(own)

    for text in ("bronze.returned_parcels", "its partitioning cannot change", "is as it was before"):
        assert text in str(caught.value)
    stacks = deployed.client("cloudformation").describe_stacks(StackName="sluice-dev-storage")["Stacks"]
    assert [stack["StackStatus"] for stack in stacks] == ["UPDATE_ROLLBACK_COMPLETE"]
    deployed.put("returned_parcels/after-rollback.csv", as_csv([("D5", 50, "")]))
    deployed.settle()
    rows = query("SELECT grams FROM bronze.returned_parcels WHERE parcel_id = 'D5'")
    assert [row["grams"] for row in rows] == [50]


def test_a_transform_that_raises_is_named_and_readers_keep_the_old_snapshot(
    deployed: Deployment, own: Path, tmp_path: Path
) -> None:
    shutil.copy(CONTRACTS[1] / "returned_parcels.yaml", own)
    whole = local.synthesize([CONTRACTS[0], own], "dev")
    deployed.put("products/one.csv", (PRODUCTS + PRODUCT.format("P00001", "10.00")).encode())
    deployed.settle()
    before = query("SELECT product_id FROM silver.products")

    broken = with_transform(whole, tmp_path / "broken", "silver.products", "SELECT error('the price list is gone')")
    deployed.localaws("POST", "deploy", {"assembly": str(broken)})
    deployed.put("products/two.csv", (PRODUCTS + PRODUCT.format("P00002", "20.00")).encode())
    _, failures = wait(cli.Deployment(deployed.outputs), timeout=120)

    assert [row["product_id"] for row in before] == ["P00001"]
    assert any("silver.products" in failure for failure in failures)
    failed = [run for run in Ledger(deployed.outputs["LedgerTableName"]).runs() if run["status"] == "failed"]
    assert {run["table"] for run in failed} == {"silver.products"}
    assert "the price list is gone" in failed[-1]["error"]
    assert query("SELECT product_id FROM silver.products") == before
    assert len(query("SELECT product_id FROM bronze.products")) == 2

    deployed.localaws("POST", "deploy", {"assembly": str(whole)})
    deployed.put("products/three.csv", (PRODUCTS + PRODUCT.format("P00003", "30.00")).encode())
    deployed.settle()
    rows = query("SELECT product_id FROM silver.products ORDER BY product_id")
    assert [row["product_id"] for row in rows] == ["P00001", "P00002", "P00003"]


def with_transform(assembly: Path, out: Path, table: str, sql: str) -> Path:
    """Copy a cloud assembly to ``out`` with another statement for one derived table."""
    shutil.copytree(assembly, out)
    (declared,) = out.glob("asset.*/project.json")
    project = json.loads(declared.read_bytes())
    (transform,) = (transform for transform in project["transforms"] if transform["table"] == table)
    transform["sql"] = sql
    transform["fingerprint"] = "broken"
    declared.write_text(json.dumps(project))
    old = declared.parent.name.removeprefix("asset.")
    new = old[:-8] + "deadbeef"
    declared.parent.rename(out / f"asset.{new}")
    for path in out.glob("*.json"):
        path.write_text(path.read_text().replace(old, new))
    return out
