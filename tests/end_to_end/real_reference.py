"""Real reference data as the shop's landing contracts want it (see ``real_shop``), and how its files are written."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FIRST_RATE, LAST_RATE = "2010-11-01", "2011-02-24"
SHOP_SPELLINGS = {"GB": "United Kingdom", "IE": "EIRE", "CZ": "Czech Republic", "HK": "Hong Kong"}
_WRITTEN = "2010-11-01 00:00:00"
_CODE = "ISO3166-1-Alpha-2"
Row = dict[str, Any]


def rates(folder: Path) -> Iterator[Row]:
    with zipfile.ZipFile(folder / "eurofxref-hist.zip") as packed:
        header, *days = csv.reader(io.StringIO(packed.read("eurofxref-hist.csv").decode()))
    for day, *values in days:
        if FIRST_RATE <= day <= LAST_RATE:
            for currency, value in zip(header[1:], values, strict=True):
                yield {"rate_date": day, "currency": currency, "per_eur": value, "updated_at": f"{day} 15:00:00"}


def codes(countries: list[Row]) -> dict[str, str]:
    """Return the code of each country by its names, in lower case."""
    names = {name.lower(): row[_CODE] for row in countries for name in _names(row)}
    return names | {name.lower(): code for code, name in SHOP_SPELLINGS.items()}


def _names(country: Row) -> list[str]:
    told = ("CLDR display name", "official_name_en", "ISO3166-1-Alpha-3", "IOC")
    return [name for column in told if (name := country[column].strip())]


def countries(countries: list[Row]) -> Iterator[Row]:
    for row in countries:
        name, *others = _names(row)
        yield {
            "country_code": row[_CODE],
            "name": name,
            "region": row["Region Name"],
            "subregion": row["Sub-region Name"],
            "currency": row["ISO4217-currency_alphabetic_code"].split(",")[0],
            "also_known_as": "|".join(dict.fromkeys([*others, SHOP_SPELLINGS.get(row[_CODE], name)])),
            "updated_at": _WRITTEN,
        }


def cities(cities: list[Row], codes: dict[str, str]) -> Iterator[Row]:
    numbers: dict[str, int] = {}
    for row in sorted(cities, key=lambda row: int(row["geonameid"])):
        code = codes.get(row["country"].lower(), "")
        numbers[code] = numbers.get(code, 0) + 1
        yield {
            "city_id": f"{code}{numbers[code]:03}",
            "city": row["name"],
            "country_code": code,
            "region": row["subcountry"],
            "updated_at": _WRITTEN,
        } | dict.fromkeys(("latitude", "longitude", "population", "also_known_as"), "")


def monday(day: str) -> str:
    written = date.fromisoformat(day[:10])
    return (written - timedelta(written.weekday())).isoformat()


def files(dataset: str, rows: Iterable[Row], name: Callable[[Row], str]) -> dict[str, list[Row]]:
    files: dict[str, list[Row]] = {}
    for row in rows:
        files.setdefault(f"{dataset}/{name(row)}", []).append(row)
    return files


def csv_files(dataset: str, rows: Iterable[Row], name: Callable[[Row], str]) -> dict[str, bytes]:
    return {f"{key}.csv": _as_csv(found) for key, found in files(dataset, rows, name).items()}


def _as_csv(rows: list[Row]) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def as_ndjson(rows: list[Row]) -> bytes:
    return gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode())


def csv_rows(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text, newline="")))
