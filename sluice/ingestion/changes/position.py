"""Positions in a source's log, as text whose plain byte order is the log's order.

A position is a class and then parts, with a dot between them; each number is padded to 20 digits, as u64 needs.

``0`` a row of a snapshot whose source gives no log position: time, its order among the others
``1`` a change whose source gives no log position: time, a second time, 0 or 1, order in the transaction
``2`` the log's own position:
    PostgreSQL  the later of ``lsn`` and the last commit before it (``sequence``), ``lsn``
    MySQL, MariaDB  number of the binlog file, ``pos``, ``row``
    SQL Server, Db2  ``commit_lsn``, ``change_lsn``, ``event_serial_no``
    Oracle  ``commit_scn`` (else ``scn``), ``scn``, ``rs_id`` (else ``lcr_position``), ``ssn``
    MongoDB  ``ts_ms``, ``ord``, ``tord``
    DMS  ``stream-position``
  and after each of them 0 for a snapshot's row or 1 for a change, and the order in the transaction.

So a snapshot sorts before what follows it. Where it has no position it sorts before *every* change: a second snapshot
does not replace what a change wrote. Transactions of PostgreSQL overlap in its log. Two of them that wrote one row did
so one after the other, and its lock makes the second one's ``lsn`` later than the first one's commit: the order by
``lsn`` is right for each row, and the last commit puts it right against a snapshot that was taken in between.

Positions of one source compare; those of two servers, or from before and after a log was started anew, do not.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sluice.ingestion.changes.change import Refused

EPOCH = datetime(1970, 1, 1)
_U64 = 2**64
_PIECES = re.compile(r"[^0-9a-z]+")
_FILE_NUMBER = re.compile(r"[0-9]+$")
_PAIR = re.compile(r'\[\s*(?:null|"([0-9]+)")\s*,\s*(?:null|"([0-9]+)")\s*\]')


def number(value: Any, what: str) -> int:
    """Return an unsigned number that is given as a JSON number or as digits; a missing one counts as 0."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if type(value) is int and 0 <= value < _U64:
        return value
    raise Refused("unparseable", f"{what} is not an unsigned 64-bit number", value=str(value))


def by_time(first: int, second: int, *, snapshot: bool, order: int) -> str:
    """Return the position of a record that has only times, in nanoseconds since 1970."""
    first, second = max(first, 0), max(second, 0)
    return f"0.{first:020}.{second:020}" if snapshot else f"1.{first:020}.{second:020}.1.{order:020}"


def by_log(parts: str, *, snapshot: bool, order: int) -> str:
    """Return a position in the log; ``parts`` is its spelling for one kind of source."""
    return f"2.{parts}.{0 if snapshot else 1}.{order:020}"


def padded(value: Any, what: str) -> str:
    """Return a position that the source gives as text, with its parts padded so that they sort as numbers.

    Parts are decimal or hexadecimal, and both sort rightly once they are padded with zeros. A part of more than 20
    digits is preceded by its length, after a sign that sorts behind every digit.
    """
    if not isinstance(value, str) or not value.isascii():
        raise Refused("unparseable", f"{what} is not a log position", value=str(value))
    pieces = [piece.lstrip("0") for piece in _PIECES.split(value.lower().replace("0x", "")) if piece]
    if not pieces or any(len(piece) > 9999 for piece in pieces):
        raise Refused("unparseable", f"{what} is not a log position", value=value)
    return ".".join(piece.zfill(20) if len(piece) <= 20 else f"~{len(piece):04}{piece}" for piece in pieces)


def postgres(source: Any) -> str | None:
    """Return the later of the last commit and the change's own LSN, followed by its own LSN.

    ``sequence`` may hold no commit yet.
    """
    if source.lsn is None:
        return None
    lsn = number(source.lsn, "source.lsn")
    pair = _PAIR.fullmatch(source.sequence) if isinstance(source.sequence, str) else None
    committed = number(pair[1], "source.sequence") if pair else 0
    return f"{max(lsn, committed):020}.{lsn:020}"


def mysql(source: Any) -> str | None:
    """Return binlog file, position and row; GTIDs are not used, since they have no order of their own."""
    if not source.file:
        return None
    found = _FILE_NUMBER.search(source.file) if isinstance(source.file, str) else None
    if found is None:
        raise Refused("unparseable", "source.file has no number at its end", value=str(source.file))
    file, pos, row = (number(found[0], "source.file"), number(source.pos, "pos"), number(source.row, "row"))
    return f"{file:020}.{pos:020}.{row:020}"


def sql_server(source: Any) -> str | None:
    """Return the LSNs of the commit and of the change, three hexadecimal numbers each; a snapshot has no change LSN."""
    if source.commit_lsn is None:
        return None
    commit = padded(source.commit_lsn, "source.commit_lsn")
    change = ".".join(["0" * 20] * (commit.count(".") + 1))
    if source.change_lsn is not None:
        change = padded(source.change_lsn, "source.change_lsn")
    return f"{commit}.{change}.{number(source.event_serial_no, 'source.event_serial_no'):020}"


def oracle(source: Any) -> str | None:
    """Return the system change numbers (SCN) of commit and change, then what orders the changes of one number."""
    if source.scn is None:
        return None
    scn = number(source.scn, "source.scn")
    # With several redo threads, each one's last commit: 4054422:1:…,4054425:2:…
    commits = [part.split(":")[0] for part in str(source.commit_scn).split(",")] if source.commit_scn else [scn]
    commit = max(number(value, "source.commit_scn") for value in commits)
    place = source.rs_id if source.rs_id is not None else source.lcr_position
    record = "0" * 20 if place is None else padded(place, "source.rs_id")
    return f"{commit:020}.{scn:020}.{record}.{number(source.ssn, 'source.ssn'):020}"


def mongodb(source: Any) -> str | None:
    """Return the operation's BSON timestamp: seconds and a counter."""
    if source.ord is None or source.ts_ms is None:
        return None
    seconds, order = number(source.ts_ms, "source.ts_ms"), number(source.ord, "source.ord")
    return f"{seconds:020}.{order:020}.{number(source.tord, 'source.tord'):020}"


#: How each connector spells its position; another one's is the time.
LAYOUTS = {
    "postgresql": postgres,
    "mysql": mysql,
    "mariadb": mysql,
    "sqlserver": sql_server,
    "db2": sql_server,
    "oracle": oracle,
    "mongodb": mongodb,
}


def moment(nanoseconds: int, what: str) -> datetime:
    """Return nanoseconds since 1970 as naive UTC."""
    try:
        return EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError as error:
        raise Refused("unparseable", f"{what} is not a time", value=str(nanoseconds)) from error
