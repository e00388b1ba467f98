"""The rows of a result that GetQueryResults pages through: as text, on disk where they are many."""

from __future__ import annotations

import re
import tempfile
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final, overload

Text = str | None
#: After how many rows, or bytes, the place of one is kept, and how many bytes are in memory.
_EVERY: Final = 1000
_EVERY_BYTES: Final = 1 << 20
_IN_MEMORY: Final = 1 << 16
#: Possessive, so that nothing is kept to come back to: a cell may have megabytes.
_CELL: Final = re.compile(r'(?:"([^"]*+(?:""[^"]*+)*+)")?([,\n])')


class KeptRows(Sequence[list[Text]]):
    """Rows that are added once and read in pieces; many are in a file without a name in ``folder``."""

    def __init__(self, folder: Path | None = None) -> None:
        where = None if folder is None else str(folder)
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=where)  # noqa: SIM115 - it goes with the rows
        #: Rows of which the place is known, and their places.
        self._rows, self._places, self._count, self._end = [0], [0], 0, 0
        self._lock = threading.Lock()

    def add(self, rows: Sequence[Sequence[Text]]) -> bytes:
        """Add rows at the end; return them as lines of a CSV file: every value quoted, NULL as an empty field."""
        lines = []
        with self._lock:
            for row in rows:
                line = csv_line(row)
                lines.append(line)
                self._count += 1
                self._end += len(line)
                if self._count - self._rows[-1] >= _EVERY or self._end - self._places[-1] >= _EVERY_BYTES:
                    self._rows.append(self._count)
                    self._places.append(self._end)
            found = b"".join(lines)
            self._file.write(found)
        return found

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> list[Text]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[Text]]: ...
    def __getitem__(self, index: int | slice) -> list[Text] | list[list[Text]]:
        """Return a row or a piece; only what lies around it is read."""
        if isinstance(index, int):
            return self[index : index + 1][0]
        first, last, step = index.indices(self._count)
        if last <= first:
            return []
        with self._lock:
            before, after = bisect_right(self._rows, first) - 1, bisect_left(self._rows, last)
            behind = self._places[after] if after < len(self._places) else self._end
            self._file.seek(self._places[before])
            text = self._file.read(behind - self._places[before]).decode()
            self._file.seek(0, 2)
        rows = _rows(text)
        return rows[first - self._rows[before] : last - self._rows[before] : step]


def csv_line(row: Sequence[Text]) -> bytes:
    """Return the line of a result file: every value quoted, NULL as an empty field."""
    return (",".join(["" if v is None else '"' + v.replace('"', '""') + '"' for v in row]) + "\n").encode()


def _rows(text: str) -> list[list[Text]]:
    rows: list[list[Text]] = [[]]
    for found in _CELL.finditer(text):
        value = found[1]
        rows[-1].append(None if value is None else value.replace('""', '"'))
        if found[2] == "\n":
            rows.append([])
    return rows[:-1]
