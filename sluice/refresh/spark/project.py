"""The compiled project as a run on Spark needs it, read from the JSON that was shipped with the code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.compiled import CompiledTransform
from sluice.plain import from_plain


@dataclass(frozen=True)
class Dataset:
    """The part of a contract that a run needs: ``columns`` are the contract's, without those that Sluice adds.

    A derived table that ``may_lose`` rows declares a retention: they last no longer than what they are made of.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    file: str
    may_lose: bool = False


class ShippedProject:
    """The compiled project, decoded from its JSON."""

    def __init__(self, shipped: bytes) -> None:
        project = json.loads(shipped)
        self._datasets = {f"{each['database']}.{each['name']}": _dataset(each) for each in project["contracts"]}
        self._transforms = {each["table"]: from_plain(CompiledTransform, each) for each in project["transforms"]}

    def dataset(self, table: str) -> Dataset:
        """Return the contract of ``database.name``; ``KeyError`` when there is none."""
        return self._datasets[table]

    def transform(self, table: str) -> CompiledTransform:
        """Return the transform that makes ``table``; ``KeyError`` when there is none."""
        return self._transforms[table]


def _dataset(given: Mapping[str, Any]) -> Dataset:
    columns = tuple(column["name"] for column in given["columns"])
    may_lose = given.get("retention_days") is not None
    return Dataset(given["name"], columns, tuple(given.get("key", ())), given.get("file", ""), may_lose)
