"""Profiles what was studied: for each column what is there, and what may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.confined import literal
from sluice.profiling.studies import Studied, Study, studied
from sluice.profiling.suspicions import Suspicion, suspicions
from sluice.profiling.tallies import Tally, tallies

_MOST_PATTERNS = 5
#: Capital letters, other letters and digits, as a pattern shows them; a run of letters is shown as one.
_SHAPES = ((r"\p{Ll}+", "a"), (r"[\p{Lu}\p{Lt}]+", "A"), (r"[\p{Lo}\p{Lm}]+", "a"), ("[0-9]", "9"), (r"\s+", " "))
_CUT = 40


@dataclass(frozen=True)
class ColumnProfile:
    """A column: its type and counts (``studied``), the ``patterns`` of its values, and what may be wrong."""

    studied: Studied
    patterns: tuple[tuple[str, int], ...]
    suspicious: tuple[Suspicion, ...]

    def as_data(self) -> dict[str, Any]:
        """Return the column as `sluice profile --json` prints it."""
        measures = self.studied.measures
        low, high = self.studied.reach or (None, None)
        return {
            "name": self.studied.name,
            "header": self.studied.header,
            "type": str(self.studied.column.type) if self.studied.guess else None,
            "nulls": measures.nulls,
            "distinct": measures.distinct,
            "minimum": low,
            "maximum": high,
            "shortest": measures.shortest,
            "longest": measures.longest,
            "top": [{"value": value, "count": count} for value, count in measures.top],
            "patterns": [{"pattern": pattern, "count": count} for pattern, count in self.patterns],
            "suspicious": [{"what": s.what, "count": s.count, "examples": list(s.examples)} for s in self.suspicious],
        }


@dataclass(frozen=True)
class Profile:
    """What a file, a folder's files or a table hold; without ``whole`` of the beginning alone."""

    of: str
    format: str
    files: int
    rows: int
    refused: dict[str, int]
    whole: bool
    columns: tuple[ColumnProfile, ...]
    notes: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return what `sluice profile --json` prints."""
        return {
            "of": self.of,
            "format": self.format,
            "files": self.files,
            "rows": self.rows,
            "refused": self.refused,
            "whole": self.whole,
            "notes": list(self.notes),
            "columns": [column.as_data() for column in self.columns],
        }


def profile_files(place: Path, encoding: str = "") -> Profile:
    """Return the profile of a file, or of all files of a folder; ``WrongArgument`` names what no reader takes."""
    with studied(place, encoding) as study:
        return profile_of(study, str(place))


def profile_of(study: Study, of: str) -> Profile:
    """Return the profile of what was studied, while it can still be asked."""
    return Profile(
        of=of,
        format=study.layout.format,
        files=study.files,
        rows=study.spool.rows,
        refused=dict(study.spool.refused.counts),
        whole=not study.cut,
        columns=tuple(_columns(study)),
        notes=tuple(study.notes),
    )


def _columns(study: Study) -> Iterator[ColumnProfile]:
    columns = {column.header: column for column in study.columns}
    for tally in tallies(study.spool, list(columns), study.nulls):
        some = [columns[header] for header in tally.columns]
        patterns, suspicious = _patterns(tally), suspicions(tally, some, study.nulls)
        for place, column in enumerate(some):
            yield ColumnProfile(column, patterns.get(place, ()), tuple(suspicious[place]))


def _patterns(tally: Tally) -> dict[int, tuple[tuple[str, int], ...]]:
    shape = f"left(v, {_CUT})"
    for expression, sign in _SHAPES:
        shape = f"regexp_replace({shape}, {literal(expression)}, {literal(sign)}, 'g')"
    shaped = f"SELECT place, {shape} AS s, sum(n)::BIGINT AS n FROM {{tally}} GROUP BY ALL"
    found = tally.ask(f"SELECT place, min({{'n': -n, 's': s}}, {_MOST_PATTERNS}) FROM ({shaped}) GROUP BY place")
    return {place: tuple((each["s"], -each["n"]) for each in shapes) for place, ((shapes,),) in found.items()}
