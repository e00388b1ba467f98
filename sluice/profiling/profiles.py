"""Profiles what was studied: for each column what is there, and what may be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.confined import literal
from sluice.profiling.measures import text_of
from sluice.profiling.spool import Spool
from sluice.profiling.studies import Studied, Study, studied
from sluice.profiling.suspicions import Suspicion, suspicions

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
    with studied(place, encoding, exact=True) as study:
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
        columns=tuple(_column(study.spool, column, study.nulls) for column in study.columns),
        notes=tuple(study.notes),
    )


def _column(spool: Spool, column: Studied, nulls: tuple[str, ...]) -> ColumnProfile:
    values = text_of(spool.column(column.header), nulls)
    return ColumnProfile(column, _patterns(spool, values), tuple(suspicions(spool, column, nulls, values)))


def _patterns(spool: Spool, values: str) -> tuple[tuple[str, int], ...]:
    shape = f"left(v, {_CUT})"
    for expression, sign in _SHAPES:
        shape = f"regexp_replace({shape}, {literal(expression)}, {literal(sign)}, 'g')"
    found = spool.ask(
        f"SELECT {shape}, count(*) FROM (SELECT {values} AS v FROM {{all}}) WHERE v IS NOT NULL "
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_MOST_PATTERNS}"
    )
    return tuple((str(pattern), int(count)) for pattern, count in found)
