"""Studies files: their layout, their records, and each column's type and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Column
from sluice.counted import counted
from sluice.errors import UnreadableFile, WrongArgument
from sluice.profiling.dialects import better_for
from sluice.profiling.guesses import MARKS, SIGNS, TEXT, Guess, guess_json, guess_text, reading_of, shows_reading
from sluice.profiling.layouts import Layout, layout_of
from sluice.profiling.measures import Measures, measure, reach
from sluice.profiling.names import column_names, personal
from sluice.profiling.records import as_texts, read_into, read_json_into
from sluice.profiling.sources import Sampled, left_out, sources_of
from sluice.profiling.spool import Spool
from sluice.profiling.typed import guess_typed

#: The keys by which records of captured changes are known.
_ENVELOPES = (
    ("debezium", {"before", "after", "source", "op"}),
    ("debezium", {"schema", "payload"}),
    ("dms", {"data", "metadata"}),
)


@dataclass(frozen=True)
class Studied:
    """A column: its ``header`` in the files, the ``name`` it gets, its type, and what was counted.

    ``reach`` are its least and greatest value. ``guess`` is None when no type holds all of its values.
    """

    header: str
    name: str
    guess: Guess | None
    measures: Measures
    reach: tuple[str, str] | None = None
    personal: bool = False

    @property
    def column(self) -> Column:
        """Return the column as a contract has it."""
        return (self.guess or TEXT).column(self.name, self.header)


@dataclass
class Study:
    """What was found of files: ``nulls`` are the texts that stand for no value, ``notes`` what should be known."""

    layout: Layout
    files: int
    spool: Spool
    columns: list[Studied] = field(default_factory=list)
    nulls: tuple[str, ...] = ("",)
    cut: bool = False
    notes: list[str] = field(default_factory=list)


@contextmanager
def studied(place: Path, encoding: str = "") -> Iterator[Study]:
    """Yield what is found of a file or of all files of a folder; ``WrongArgument`` names what no reader takes."""
    sources = sources_of(place)
    layout = layout_of(sources, encoding)
    with Spool(file=str(place)) as first:
        read = _read(first, sources, layout)
        other = None
        if layout.format == "csv" and first.refused.total:
            other = better_for([raw for _, raw in first.refused.some], layout.sample, layout.dialect)
        if other is None:
            yield _study(first, sources, read)
            return
    # Records further on are written in a way that the beginning did not show.
    with Spool(file=str(place)) as second:
        yield _study(second, sources, _read(second, sources, replace(layout, dialect=other)))


def _study(spool: Spool, sources: Sequence[Sampled], layout: Layout) -> Study:
    cut = left_out(sources)
    study = study_spool(spool, layout, of=sources[0].uri, files=len(sources), cut=cut)
    if more := sources[-1].more:
        study.notes.append(f"Not looked at: {counted(more, 'further file')}; only the first {len(sources):,} were.")
    return study


def _read(spool: Spool, sources: Sequence[Sampled], layout: Layout) -> Layout:
    """Read all files into the spool, and return the layout with the columns that were found."""
    for source in sources:
        source.cut.clear()
        source.read[0] = 0
        try:
            if layout.format in ("json", "ndjson"):
                read_json_into(spool, source, layout.arrival(()))
            else:
                names = [name for name in dict.fromkeys(layout.headers) if name]
                read_into(spool, source, as_texts(names, layout.arrival(layout.nulls)))
        except UnreadableFile as error:
            raise WrongArgument(
                error.what, next_step="mend the file, or name another one.", file=source.uri, value=error.value
            ) from error
    spool.flush()
    headers = layout.headers if layout.format not in ("json", "ndjson") else tuple(spool.names)
    if not spool.rows:
        why = f": {spool.refused.some[0][0]}" if spool.refused.some else ", a header alone"
        raise WrongArgument(
            f"{sources[0].uri} holds no record that can be read{why}.",
            next_step="name a file with records.",
            file=sources[0].uri,
        )
    return replace(layout, headers=headers)


def study_spool(spool: Spool, layout: Layout, *, of: str, files: int = 1, cut: bool) -> Study:
    """Return what is found of records in the spool, which came of so many files; ``cut`` if there are more of them."""
    study = Study(layout, files, spool, cut=cut)
    headers = [header for header in layout.headers if _can_be_named(header, study)]
    names = column_names(headers)
    guesses = [_guess(spool, layout, header, name) for header, name in zip(headers, names, strict=True)]
    if layout.format == "csv":
        guesses = _one_reading(spool, headers, guesses)
        study.nulls, guesses, emptied = _marks(spool, headers, guesses)
        study.nulls = tuple(dict.fromkeys((*study.nulls, *layout.nulls)))
        study.notes += emptied
    elif layout.format == "parquet":
        study.nulls = ()
    measures = measure(spool, headers, study.nulls)
    for header, name, guess in zip(headers, names, guesses, strict=True):
        found = Studied(header, name, guess, measures[header], personal=personal(name))
        if guess is not None:
            found = replace(found, reach=reach(partial(spool.values, header), found.column, study.nulls))
        study.columns.append(found)
    study.notes += _captured(layout)
    if not any(column.guess for column in study.columns):
        raise WrongArgument(
            f"{of} has no column that a table could have: each is without a name, or its values are of several kinds.",
            next_step="name its columns, and give each one kind of values.",
            file=of,
        )
    return study


def _captured(layout: Layout) -> Iterator[str]:
    """Yield a note when the records are captured changes, which a stream takes as what they are."""
    for envelope, keys in _ENVELOPES:
        if layout.format in ("json", "ndjson") and keys <= set(layout.headers):
            yield (
                f"These are changes as {envelope} captures them. As a file each is a record; a stream (type: kinesis, "
                f"format: {envelope}) applies them to the rows that they change."
            )


def _can_be_named(header: str, study: Study) -> bool:
    """Return whether a contract can name a column of the files so; the study's notes tell of one that it cannot."""
    if not header:
        study.notes.append("A column without a name is not loaded: a contract finds columns by their names.")
        return False
    odd = not header.isprintable() or (study.layout.format in ("json", "ndjson") and any(c in header for c in '"\\'))
    if odd:
        study.notes.append(f"The column {header!a} is not loaded: no contract can say a name with such characters.")
    return not odd


def _guess(spool: Spool, layout: Layout, header: str, name: str) -> Guess | None:
    parts = partial(spool.values, header)
    if layout.format == "parquet":
        return guess_typed(parts, name)
    if layout.format in ("json", "ndjson"):
        return guess_json(parts, frozenset(spool.kinds.get(header, set()) - {"null"}), name)
    if layout.format == "access_log":
        return guess_text(parts, name, (), spelled=False)
    return guess_text(parts, name)


def _one_reading(spool: Spool, headers: Sequence[str], guesses: list[Guess | None]) -> list[Guess | None]:
    """Return the guesses, each with one reading: the one of other columns of the file, or text when there is none."""
    if not any(guess is not None and guess.others for guess in guesses):
        return guesses
    shown = {
        reading_of(guess)
        for header, guess in zip(headers, guesses, strict=True)
        if guess is not None and shows_reading(guess, partial(spool.values, header))
    }
    found: list[Guess | None] = []
    for guess in guesses:
        if guess is None or not guess.others:
            found.append(guess)
            continue
        there = [each for each in (guess, *guess.others) if reading_of(each) in shown]
        found.append(replace(there[0], others=()) if len(there) == 1 else replace(TEXT, note=_two_ways(guess)))
    return found


def _two_ways(guess: Guess) -> str:
    if guess.type.name in ("date", "timestamp"):
        fits = [each.format if isinstance(each.format, str) else ", ".join(each.format or ())
                for each in (guess, *guess.others)]  # fmt: skip
        return f"Text, since the values fit {' and '.join(fits)} alike: say which as format."
    return "Text, since a comma or point in the values may part thousands or a fraction: say which it is."


def _marks(
    spool: Spool, headers: Sequence[str], guesses: list[Guess | None]
) -> tuple[tuple[str, ...], list[Guess | None], list[str]]:
    """Return the texts that stand for no value, the guesses, and which columns of text lose such texts.

    A column becomes text when what stands for no value in it may be a value of another.

    A contract says them for all columns at once. What stands for no number in one column can be a value of another:
    ``NA`` among codes of countries is Namibia.
    """
    there = [_marks_in(partial(spool.values, header)) for header in headers]
    texts = [place for place, guess in enumerate(guesses) if guess is None or guess.type.name == "string"]
    values = {
        mark: headers[place]
        for place in texts
        for mark in there[place] - SIGNS
        if _may_be_value(mark, spool.values(headers[place]))
    }
    found: list[Guess | None] = []
    for place, guess in enumerate(guesses):
        taken = sorted(there[place] & values.keys()) if place not in texts else []
        note = (
            f"Text, since {taken[0]} stands for no value here, and may be a value of {values[taken[0]]}."
            if taken
            else ""
        )
        found.append(replace(TEXT, note=note) if taken else guess)
    # A column that became text loses what the others declare, as those that were text before.
    texts = [place for place, guess in enumerate(found) if guess is None or guess.type.name == "string"]
    nulls: dict[str, None] = {}
    for place in range(len(found)):
        nulls.update(dict.fromkeys(sorted(there[place] & SIGNS if place in texts else there[place])))
    emptied = [
        f"{headers[place]}: what says {' or '.join(lost)} in it counts as no value, too."
        for place in texts
        if (lost := sorted(there[place] & nulls.keys() - SIGNS))
    ]
    return ("", *nulls), found, emptied


def _marks_in(parts: Callable[[], Iterable[pa.Array]]) -> set[str]:
    known = pa.array(MARKS, pa.string())
    return {text for part in parts() for text in part.filter(pc.is_in(part, known)).unique().to_pylist()}


def _may_be_value(mark: str, parts: Iterable[pa.Array]) -> bool:
    """Return whether a mark may be a value of a column of text: a name, or as short as the column's other values."""
    if mark in ("None", "none", "Null", "na"):
        return True
    known = pa.array(["", *MARKS], pa.string())
    longest = 0
    for part in parts:
        others = part.filter(pc.invert(pc.is_in(part, known)))
        longest = max(longest, pc.max(pc.utf8_length(others)).as_py() or 0)
    return longest <= max(4, len(mark))
