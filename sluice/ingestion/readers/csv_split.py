"""Splits delimited text into records, whatever it contains; the result does not depend on how the text is chunked.

A record begins outside quotes. One pass decides for all lines at once whether each is a record, opens a field that goes
on, or is neither; only lines that are no whole record are examined singly. A field that is never closed would be
searched for again from every line that it swallows, so the end of each search is kept and every line is searched once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sluice.ingestion.lines import MAX_RECORD
from sluice.ingestion.readers.csv_grammar import AMBIGUOUS, CARRIED, OPEN, Grammar
from sluice.ingestion.readers.text import too_long_reason
from sluice.ingestion.records import Reason


@dataclass(frozen=True)
class Run:
    """Lines from ``first`` up to, but without, ``end``: each one record, or (``joined``) all together one record.

    ``reason`` says why they are refused; a refused run is one record.
    """

    first: int
    end: int
    joined: bool = False
    reason: Reason | None = None


class Lines:
    """The lines of a text, and the offset of each."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.array = pc.split_pattern(pa.array([data], pa.binary()), b"\n").values
        self._offsets = memoryview(self.array.buffers()[1]).cast("i")

    def start(self, line: int) -> int:
        """Return the offset where the line begins."""
        return self._offsets[line] + line

    def end(self, line: int) -> int:
        """Return the offset where the line ends, before its line feed."""
        return self._offsets[line + 1] + line

    def __getitem__(self, line: int) -> bytes:
        return self.data[self.start(line) : self.end(line)]

    def bytes_of(self, first: int, end: int) -> bytes:
        """Return the lines from ``first`` up to, but without, ``end`` as one record, without its line end."""
        return self.data[self.start(first) : self.end(end - 1)].removesuffix(b"\r")


class Search:
    """One pass over the lines of a text; ``final`` if the file ends with it."""

    def __init__(self, data: bytes, grammar: Grammar, *, final: bool) -> None:
        self.lines = lines = Lines(data)
        self.grammar, self.final = grammar, final
        self.count = len(lines.array) - (not final or lines.data.endswith(b"\n"))
        #: The first line of a record that goes on after the text.
        self.unfinished = None if final else self.count
        # Every line up to ``_inside`` that a search began with an open quote goes on inside it; ``_dead`` is the line
        # at which that quote turned out to be stray.
        self._inside = 0
        self._dead = -1

    @property
    def used(self) -> int:
        """Return how many bytes all runs cover; the rest is a record that goes on after the text."""
        return len(self.lines.data) if self.unfinished is None else self.lines.start(self.unfinished)

    def spans(self) -> Iterator[Run]:
        """Yield the runs in order."""
        at = 0
        for line in self._suspects():
            if line < at:
                continue
            if line > at:
                yield Run(at, line)
            run = self._record(line)
            if run is None:
                self.unfinished = line
                return
            yield run
            at = run.end
        if at < self.count:
            yield Run(at, self.count)

    def _suspects(self) -> Sequence[int]:
        """Return the lines that may not be a whole record."""
        array = self.lines.array[: self.count]
        odd = pc.invert(pc.match_substring_regex(array, self.grammar.line))
        if self.grammar.doubtful and self.grammar.doubtful in self.lines.data:
            odd = pc.or_(odd, pc.match_substring(array, self.grammar.doubtful.decode()))
        if len(self.lines.data) > MAX_RECORD:
            odd = pc.or_(odd, pc.greater(pc.binary_length(array), MAX_RECORD))
        found = pc.indices_nonzero(odd)  # not as a list: there may be millions
        return memoryview(found.buffers()[1]).cast("Q")[: len(found)] if len(found) else ()

    def _record(self, first: int) -> Run | None:
        """Return the record that begins with line ``first``; None when more of the text is needed to decide."""
        line = self.lines[first]
        if len(line) > MAX_RECORD:
            return Run(first, first + 1, reason=too_long_reason(len(line)))
        doubtful = self.grammar.two_meanings(line.removesuffix(b"\r"))
        opens = self.grammar.opening.match(line) is not None
        whole = not opens and self.grammar.first.fullmatch(line) is not None
        if not (doubtful or opens or whole) and self.grammar.carried.match(line):
            return self._carried(first)
        if not opens or doubtful or first + 1 <= self._dead:
            return Run(
                first, first + 1, reason=AMBIGUOUS if doubtful else None if whole else self.grammar.wrong_with(line)
            )
        return self._joined(first)

    def _joined(self, first: int) -> Run | None:
        """Return the record whose first line ends inside quotes."""
        start = self.lines.start(first)
        line = max(first + 1, self._inside)
        while line < self.count:
            if self.lines.end(line) - start > MAX_RECORD:
                self._inside = line
                return Run(first, first + 1, reason=OPEN)
            text = self.lines[line]
            if not (self.grammar.staying.match(text) or self.grammar.reopening.match(text)):
                if self.grammar.closing.match(text):
                    return self._closed(first, line + 1)
                self._dead = line
                return Run(first, first + 1, reason=OPEN)
            line += 1
        self._inside = line
        if self.final:
            self._dead = line
        elif len(self.lines.data) - start <= MAX_RECORD:
            return None
        return Run(first, first + 1, reason=OPEN)

    def _carried(self, first: int) -> Run | None:
        """Return the lines that no record end separates, which are refused together; None if more text is needed."""
        start, line = self.lines.start(first), first + 1
        while line < self.count:
            if self.lines.end(line) - start > MAX_RECORD:
                return Run(first, line, joined=True, reason=CARRIED)
            if not self.grammar.carried.match(self.lines[line]):
                return Run(first, line + 1, joined=True, reason=CARRIED)
            line += 1
        if not self.final and len(self.lines.data) - start <= MAX_RECORD:
            return None
        return Run(first, line, joined=True, reason=CARRIED)

    def _closed(self, first: int, end: int) -> Run:
        if self.grammar.two_meanings(self.lines.bytes_of(first, end)):
            return Run(first, end, joined=True, reason=AMBIGUOUS)
        return Run(first, end, joined=True)
