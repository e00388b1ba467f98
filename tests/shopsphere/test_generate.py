"""The generated shop history is deterministic, believable, and counted exactly."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from shopsphere.generate import Dirt, Manifest, generate
from shopsphere.generate.dirt import REASONS as HARD
from shopsphere.generate.rates import is_published
from shopsphere.generate.reference import CITIES, COUNTRIES, DEMOGRAPHICS

pytestmark = pytest.mark.slow

REQUIRED = {
    "countries": {"country_code", "name", "region", "updated_at"},
    "cities": {"city_id", "city", "country_code", "updated_at"},
    "demographics": {"country_code", "region", "updated_at"},
    "exchange_rates": {"rate_date", "currency", "updated_at"},
    "campaigns": {"campaign_id", "name", "channel", "starts_on", "currency", "updated_at"},
    "ad_spend": {"spend_date", "campaign_id", "platform", "cost", "currency", "updated_at"},
    "customers": {"customer_id", "last_name", "country", "registered_at", "updated_at"},
    "products": {"product_id", "name", "category", "list_price"},
    "orders": {"order_id", "customer_id", "order_ts", "status", "updated_at"},
    "order_lines": {"order_id", "line_number", "product_id", "quantity", "unit_price"},
}
NUMBERS = {
    *("weight", "list_price", "shipping_cost", "quantity", "unit_price", "discount_pct", "line_number", "per_eur"),
    *("budget", "impressions", "clicks", "cost", "population", "median_age", "median_income_eur", "urban_pct"),
}
PLATFORMS = {"google_ads", "bing_ads", "meta_ads", "newsletter", "partner_network"}
SETS = {
    "segment": {"consumer", "business"},
    "weight_unit": {"kg", "g", "lb"},
    "currency": {"EUR", "USD", "GBP", "SEK", "PLN"},
    "platform": PLATFORMS,
    "status": {"placed", "paid", "shipped", "cancelled", "returned"},
    "channel": {"web", "app", "store"},
}
#: What is another thing in some datasets; the reference tables have more currencies than the shop.
OWN_SETS: dict[str, dict[str, set[str] | None]] = {
    "campaigns": {"channel": {"search", "social", "display", "email", "affiliate"}},
    "countries": {"currency": None},
}
DIRTY = Dirt(**dict.fromkeys(Dirt.__dataclass_fields__, 0.02))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Path, float]:
    out = tmp_path_factory.mktemp("year")
    started = time.perf_counter()
    manifest = generate(days=365, seed=7, out=out)
    return manifest, out, time.perf_counter() - started


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


def records(path: Path) -> Iterator[tuple[dict[str, Any] | None, str]]:
    """Yield each record and, if the whole record is broken, the reason."""
    if path.name.endswith(".gz"):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            try:
                yield json.loads(line), ""
            except ValueError:
                yield None, "malformed_record"
        return
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        header = next(reader)
        for row in reader:
            if len(row) != len(header):
                yield None, "wrong_field_count"
            else:
                yield dict(zip(header, row, strict=True)), ""


def reasons(dataset: str, record: dict[str, Any]) -> set[str]:
    found = set()
    for name, value in record.items():
        if value in (None, "") or (dataset == "exchange_rates" and value == "N/A"):
            found |= {"missing_required"} if name in REQUIRED[dataset] else set()
            continue
        if name in NUMBERS:
            try:
                if Decimal(str(value)) < 0:
                    found.add("out_of_range")
            except InvalidOperation:
                found.add("unparseable")
        allowed = OWN_SETS.get(dataset, {}).get(name, SETS.get(name))
        if allowed is not None and value not in allowed:
            found.add("not_in_set")
        if name.endswith(("_at", "_ts", "_date", "_from", "_on")):
            try:
                datetime.fromisoformat(value)
            except ValueError:
                found.add("unparseable")
        if name == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", value):
            found.add("pattern_mismatch")
    return found


@pytest.mark.parametrize("dirt", [Dirt(), DIRTY, Dirt.none()])
def test_the_manifest_counts_what_an_independent_reader_counts(tmp_path: Path, dirt: Dirt) -> None:
    manifest = generate(days=40, seed=3, out=tmp_path, rows_per_day=200, dirt=dirt)
    lines: set[tuple[str, ...]] = set()
    for dataset, counted in manifest.datasets.items():
        total, quarantined, files = 0, Counter(), 0
        for path in sorted((tmp_path / dataset).iterdir()):
            files += 1
            for record, broken in records(path):
                total += 1
                found = {broken} if record is None else reasons(dataset, record)
                assert len(found) <= 1, (path, record, found)
                quarantined.update(found)
                if dataset == "order_lines" and record is not None and not found:
                    names = ("order_id", "line_number", "quantity", "unit_price", "discount_pct", "currency")
                    lines.add(tuple(record[name] for name in names))
        assert (files, total) == (counted.files, counted.records)
        assert dict(quarantined) == counted.expected_quarantined
        assert counted.expected_accepted == total - quarantined.total()
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for _, _, quantity, price, discount, currency in lines:
        revenue[currency] += int(quantity) * Decimal(price) * (1 - Decimal(discount) / 100)
    assert len(lines) == manifest.totals.order_lines
    assert {k: Decimal(v) for k, v in manifest.totals.revenue.items()} == dict(revenue)
    assert json.loads((tmp_path / "manifest.json").read_text())["datasets"]["orders"]["files"] == 40
    if dirt == Dirt.none():
        assert not any(d.dirt for d in manifest.datasets.values())
    if dirt is DIRTY:
        planted = {kind for d in manifest.datasets.values() for kind in d.dirt}
        assert planted == set(Dirt.__dataclass_fields__)


def sound_rows(folder: Path, dataset: str) -> list[dict[str, Any]]:
    """Return the distinct records that break no rule."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / dataset).iterdir()):
        for record, _ in records(path):
            if record is not None and not reasons(dataset, record):
                found[json.dumps(record) + path.name] = record
    return list(found.values())


def test_blemishes_break_no_rule_and_are_counted(tmp_path: Path) -> None:
    manifest = generate(days=200, seed=3, out=tmp_path, rows_per_day=500, dirt=DIRTY)
    told = {name: dataset.dirt for name, dataset in manifest.datasets.items()}
    # A spelling may be right by chance in a broken record or a repeated one: only sound records are looked at.
    people = sound_rows(tmp_path, "customers")
    codes = {code for code, *_ in COUNTRIES}
    names = {code: {city for _, city, at, *_ in CITIES if at == code} for code in codes}
    spelled = {
        "country": [p for p in people if p["country"] not in codes],
        "city": [p for p in people if p["country"] in codes and p["city"] not in names[p["country"]]],
        "phone": [p for p in people if p["phone"] and not re.fullmatch(r"\+\d\d \d{3} \d{6}", p["phone"])],
        "email": [p for p in people if not re.fullmatch(r"c\d{7}@(mail|post|inbox)\.example", p["email"])],
        "birth_date": [p for p in people if not "1945-01-01" <= p["birth_date"] <= "2005-01-01"],
    }
    counted = {name: len(found) for name, found in spelled.items()}
    kinds = told["customers"]
    assert counted == {
        "country": kinds["misspelt_country"] + kinds["unknown_country"],
        "city": kinds["misspelt_city"] + kinds["unknown_city"] + kinds["missing_city"],
        "phone": kinds["invalid_phone"],
        "email": kinds["invalid_email"],
        "birth_date": kinds["impossible_birth_date"],
    }
    campaigns = sound_rows(tmp_path, "campaigns")
    reversed_ = [c for c in campaigns if c["ends_on"] and c["ends_on"] < c["starts_on"]]
    assert len(reversed_) == told["campaigns"]["dates_reversed"] > 0
    spend = sound_rows(tmp_path, "ad_spend")
    assert sum(s["campaign_id"] > "M0036" for s in spend) == told["ad_spend"]["unknown_campaign"] > 0
    assert sum(s["impressions"] is None for s in spend) == told["ad_spend"]["missing_figure"] > 0
    assert told["exchange_rates"]["missing_rate"] > 0
    assert all(HARD.keys() | {"duplicate", "extra_column"} >= told[name].keys() for name in ("orders", "order_lines"))


def test_rates_are_published_on_working_days_before_and_during_the_history(tmp_path: Path) -> None:
    generate(days=40, seed=3, out=tmp_path, rows_per_day=20, dirt=Dirt.none(), start=date(2025, 4, 1))
    rates = sound_rows(tmp_path, "exchange_rates")
    days = sorted({date.fromisoformat(rate["rate_date"]) for rate in rates})
    assert days[0] < date(2025, 3, 1)
    assert days[-1] == date(2025, 5, 9)
    assert all(is_published(day) and day.weekday() < 5 for day in days)
    # Good Friday, Easter Monday, the first of May.
    assert not {date(2025, 4, 18), date(2025, 4, 21), date(2025, 5, 1)} & set(days)
    assert {rate["currency"] for rate in rates} == {"USD", "GBP", "SEK", "PLN"}
    assert len(rates) == 4 * len(days)


def test_reference_tables_fit_one_another() -> None:
    codes = {code for code, *_ in COUNTRIES}
    assert {"DE", "FR", "NL", "GB", "SE", "PL", "US", "NA"} <= codes
    assert {code for _, _, code, *_ in CITIES} <= codes
    assert {(code, region) for _, _, code, region, *_ in CITIES} == {
        (code, region) for code, region, *_ in DEMOGRAPHICS
    }
    assert len({number for number, *_ in CITIES}) == len(CITIES)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(days=10, seed=seed, out=tmp_path / name, rows_per_day=100)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_a_year_is_large_fast_and_seasonal(year: tuple[Manifest, Path, float]) -> None:
    manifest, out, seconds = year
    assert manifest.files >= 400
    assert 200_000 <= manifest.datasets["order_lines"].records <= 260_000
    assert seconds < 16  # under 8 s on an idle machine
    per_day = {path.stem[-10:]: path.read_bytes().count(b"\n") for path in (out / "order_lines").iterdir()}
    mean = sum(per_day.values()) / len(per_day)
    assert per_day["2025-11-28"] > 2 * mean
    assert per_day["2025-12-13"] > 1.4 * mean
    weekend = [n for day, n in per_day.items() if date.fromisoformat(day).weekday() >= 5]
    assert sum(weekend) / len(weekend) > 1.1 * mean
    assert 4_000 <= manifest.totals.customers <= 6_000
    assert 700 <= manifest.totals.products <= 900


def test_customers_return_and_orders_come_again_with_a_newer_status(year: tuple[Manifest, Path, float]) -> None:
    _, out, _ = year
    buyers: Counter[str] = Counter()
    versions: dict[str, list[str]] = defaultdict(list)
    for path in sorted((out / "orders").iterdir())[:60]:
        for record, _ in records(path):
            if record and not reasons("orders", record):
                versions[record["order_id"]].append(record["updated_at"])
                buyers[record["customer_id"]] += len(versions[record["order_id"]]) == 1
    assert sum(1 for n in buyers.values() if n > 1) > 0.5 * len(buyers)
    assert max(buyers.values()) > 10 * sum(buyers.values()) / len(buyers)
    again = [v for v in versions.values() if len(set(v)) > 1]
    assert len(again) > 0.2 * len(versions)
    assert all(v == sorted(v) for v in again)


def test_names_exercise_encoding_and_quoting(year: tuple[Manifest, Path, float]) -> None:
    _, out, _ = year
    text = "".join(path.read_text(encoding="utf-8") for path in (out / "customers").iterdir())
    for name in ("Łukasz", "Zoë", "李", "O'Neil", '"Brandt, jr."', '"Lee ""Sunny"""'):
        assert name in text


def test_a_folder_with_files_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(FileExistsError, match="nothing was written"):
        generate(days=1, seed=1, out=tmp_path)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Dirt(duplicate=2)
