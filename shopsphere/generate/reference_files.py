"""The reference tables as files: each delivered once, without dirt."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np

from shopsphere.generate.dirt import Dirt, Rules
from shopsphere.generate.files import Layout, csv_text, write_file
from shopsphere.generate.manifest import DatasetManifest
from shopsphere.generate.reference import CITIES, COUNTRIES, DEMOGRAPHICS

_COLUMNS: dict[str, tuple[str, ...]] = {
    "countries": ("country_code", "name", "region", "subregion", "currency", "also_known_as"),
    "cities": (
        "city_id", "city", "country_code", "region", "latitude", "longitude", "population", "also_known_as",
    ),
    "demographics": (
        "country_code", "region", "population", "median_age", "median_income_eur", "urban_pct",
    ),
}  # fmt: skip
_ROWS: dict[str, tuple[tuple[object, ...], ...]] = {
    "countries": COUNTRIES,
    "cities": CITIES,
    "demographics": DEMOGRAPHICS,
}


def write_reference(out: Path, start: date, manifests: dict[str, DatasetManifest]) -> None:
    """Write a file of each reference table, as it was on the day ``start``."""
    for name, columns in _COLUMNS.items():
        rows = [(*map(str, row), f"{start}T00:00:00Z") for row in _ROWS[name]]
        write_file(
            out, Layout(name, (*columns, "updated_at"), Rules(key=(0,), required=())), f"{name}_{start}",
            columns=[list(map(csv_text, column)) for column in zip(*rows, strict=True)], dirt=Dirt.none(),
            rng=np.random.default_rng(0), manifest=manifests[name],
        )  # fmt: skip
