"""What is planted into a generated history is mended or flagged in silver, each kind as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from shopsphere.generate import blemishes, generate
from shopsphere.generate.marketing import CODES
from sluice.project import Project
from tests.glue_jobs.generated import DIRT, bronze, generated_tables
from tests.glue_jobs.transforming import TRANSFORMS, on_duckdb


@pytest.fixture(scope="module")
def tables(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return generated_tables(project, tmp_path_factory.mktemp("generated"))


@pytest.mark.slow
def test_every_known_spelling_is_resolved_and_what_was_invented_is_flagged(project: Project, tmp_path: Path) -> None:
    generate(days=60, seed=5, out=tmp_path / "files", rows_per_day=1_500, dirt=DIRT)
    known = {c.table: bronze(c, tmp_path) for c in project.arriving if c.name in ("countries", "cities")}
    known |= {c.table: bronze(c, tmp_path) for c in project.arriving if c.table.startswith("bronze.customer")}
    for name in ("countries", "cities", "customers"):
        (item,) = [each for each in TRANSFORMS if each.table == f"silver.{name}"]
        inputs = {parameter: known[table] for parameter, table in item.inputs.items()}
        known[item.table] = on_duckdb(project, item, inputs)
    people = known["silver.customers"].to_pylist()
    assert len(people) > 1_000
    given: Counter[str] = Counter()
    for person in people:
        invented = person["country_as_given"] in blemishes.INVENTED_COUNTRIES
        assert person["country_known"] != invented, person
        place = person["city"] in blemishes.INVENTED_CITIES or person["city"] == "unknown"
        assert person["city_known"] != (invented or place), person
        assert person["phone_valid"] == (person["phone"] is not None and len(person["phone"]) == 12), person
        given.update(filter(None, person["issues"].split(",")))
        given["respelt"] += person["country_as_given"] not in (person["country"], *blemishes.INVENTED_COUNTRIES)
    assert given.keys() == {
        *("email_invalid", "phone_invalid", "country_unknown", "city_missing", "city_unknown"),
        *("birth_date_impossible", "respelt"),
    }


@pytest.mark.slow
def test_unknown_campaigns_are_flagged_and_the_others_are_not(tables: Mapping[str, pa.Table]) -> None:
    planned = set(tables["silver.campaigns"]["campaign_id"].to_pylist())
    spend = tables["silver.ad_spend"].to_pylist()
    assert {row["campaign_known"] for row in spend} == {True, False}
    assert all(row["campaign_known"] == (row["campaign_id"] in planned) for row in spend)
    clicks = [row for row in tables["silver.clickstream"].to_pylist() if row["utm_code"]]
    assert all(row["last_utm_code"] == row["utm_code"] for row in clicks)
    codes = {row["utm_code"]: row["campaign_id"] for row in tables["silver.campaigns"].to_pylist()}
    assert all(row["campaign_id"] == codes.get(row["utm_code"]) for row in clicks)
    assert {row["utm_code"] in CODES for row in clicks} == {True, False}


def test_all_money_of_a_history_has_euros(tables: Mapping[str, pa.Table]) -> None:
    for table, name in (
        ("orders", "eur_rate"), ("order_lines", "net_amount_eur"), ("products", "list_price_eur"),
        ("ad_spend", "cost_eur"),
    ):  # fmt: skip
        rows = tables[f"silver.{table}"]
        assert len(rows) > 20
        assert rows[name].null_count == 0, table
