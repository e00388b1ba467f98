"""Records in a table's own metadata which deliveries the table holds, so that none is committed twice.

A token is a delivery id. Each commit writes its tokens to a small object (a segment) beside the data and names it in a
table property of the same commit, so that data and tokens become visible together or not at all. Expiring snapshots
does not remove segments; many segments are merged into one, and tokens are dropped only after ``KEEP``.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from pyiceberg.io import FileIO
from pyiceberg.table import Table

from sluice.decoding import json_decoder

PROPERTY = "sluice.token-segments"
#: Longer than a message can live: a queue and then its dead-letter queue keep it 14 days each at most.
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
KEEP = timedelta(days=35)
_MERGE_ABOVE = 12


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """One delivery in one table: its number of ``rows``, and when it was committed (seconds since the epoch).

    ``retracted`` is when its rows were removed again (0: they were not); the token stays, so that they do not return.
    """

    delivery_id: str
    rows: int
    committed_at: float
    retracted: float = 0.0


class Segment(msgspec.Struct, frozen=True):
    """One object with ``count`` tokens at ``path``; ``newest`` is the latest ``committed_at`` in it."""

    path: str
    count: int
    newest: float


_decode_tokens, _decode_segments = json_decoder(list[Token]), json_decoder(list[Segment])


@dataclass(frozen=True)
class TokenLog:
    """All tokens of one version of a table, by delivery id, and the segments they are in."""

    segments: tuple[Segment, ...]
    tokens: dict[str, Token]

    def __contains__(self, delivery_id: str) -> bool:
        """Return whether the table holds the delivery."""
        return delivery_id in self.tokens


def read_tokens(table: Table) -> TokenLog:
    """Return the tokens of ``table`` as it was loaded."""
    segments = tuple(_decode_segments(table.properties.get(PROPERTY, "[]")))
    tokens = {t.delivery_id: t for segment in segments for t in _read_segment(table.io, segment.path)}
    return TokenLog(segments, tokens)


def with_tokens(table: Table, log: TokenLog, added: Iterable[Token]) -> tuple[dict[str, str], str]:
    """Write a segment with the ``added`` tokens; return the table property that names it, and the segment's path."""
    new = list(added)
    segments = list(log.segments)
    if len(segments) >= _MERGE_ABOVE:
        oldest = (datetime.now(UTC) - KEEP).timestamp()
        new = [token for token in log.tokens.values() if token.committed_at >= oldest] + new
        segments = []
    path = f"{table.location()}/tokens/{uuid.uuid4().hex}.json"
    with table.io.new_output(path).create() as stream:
        stream.write(msgspec.json.encode(new))
    newest = max((token.committed_at for token in new), default=0.0)
    segments.append(Segment(path, len(new), newest))
    return {PROPERTY: msgspec.json.encode(segments).decode()}, path


@functools.lru_cache(maxsize=512)
def _read_segment(io: FileIO, path: str) -> tuple[Token, ...]:
    """Return a segment's tokens; a segment never changes, so a warm function reads it once."""
    with io.new_input(path).open() as stream:
        return tuple(_decode_tokens(stream.read()))
