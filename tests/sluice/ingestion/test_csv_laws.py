"""The verdict on a line depends on nothing but what it says: held against a reader of one character at a time."""

from __future__ import annotations

import csv
import io
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contracts import LandingContract
from sluice.ingestion import lines, source
from sluice.ingestion.readers import csv as reader
from sluice.ingestion.readers import csv_split
from tests.laws import cases, fresh_seed
from tests.sluice.ingestion.csv_reference import RFC_4180, Dialect, read_reference
from tests.sluice.ingestion.reading import column, contract, read

HEADER = b"a,b\n"
#: How files are written in which other characters than RFC 4180's have a meaning.
DIALECTS = {
    "RFC 4180": Dialect(),
    "escaped": Dialect(escape=b"\\"),
    "escaped, with nulls": Dialect(escape=b"\\", nulls=(b"\\N",)),
    "other quotes": Dialect(quote=b"'"),
    "other quotes and escapes": Dialect(b";", b"'", b"^", (b"^a",)),
    "no quotes": Dialect(quote=b""),
    "no quotes, escaped": Dialect(quote=b"", escape=b"\\", nulls=(b"\\N",)),
}
#: What records are made of, the awkward oftener than in life.
PIECES = (
    *(b"a", b"b", b",", b",", b"\n", b"\n", b'"', b'"', b'""', b'","', b'",\n', b'\n"', b"1,2\n", b'1,"x"\n'),
    *(b"\xef\xbb\xbf", b"\\N", b"\\\n", b"\\a", b'"a\nb",c\n', b'5" pipe,x\n', b'"open,1\n'),
    *(b"\r\n", b"\r", b"\\", b'\\"', b'\\",', b"\x00", b"\xff", "é".encode(), b" ", b"\n\n"),
)  # fmt: skip


@contextmanager
def sizes(piece: int, block: int, record: int) -> Iterator[None]:
    """Read in small pieces and blocks, so that every line meets every edge."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "READ_SIZE", piece)
        patch.setattr(reader, "BLOCK_SIZE", block)
        for module in (lines, reader, csv_split):
            patch.setattr(module, "MAX_RECORD", record)
        yield


def declared(dialect: Dialect) -> LandingContract:
    """Return a contract of the dialect."""
    given = {"delimiter": dialect.delimiter, "quote": dialect.quote, "escape": dialect.escape}
    nulls = tuple(null.decode() for null in dialect.nulls)
    return contract(
        column("a"), column("b"), null_values=nulls, **{name: mark.decode() for name, mark in given.items()}
    )


def outcome(data: bytes, dialect: Dialect = RFC_4180) -> list[tuple[int, object]]:
    """Return each record's position and what became of it: its values, or code and bytes."""
    rows, rejected = read(HEADER.replace(b",", dialect.delimiter) + data, declared(dialect))
    kept = [
        (row["_position"], ("" if row["a"] is None else row["a"], "" if row["b"] is None else row["b"]))
        for row in rows.to_pylist()
    ]
    refused = [
        (record.position, (record.reasons[0].code, record.raw if record.pointer is None else record.pointer))
        for record in rejected
    ]
    return sorted([*kept, *refused], key=lambda entry: entry[0] or 0)


def expected(data: bytes, longest: int, dialect: Dialect) -> list[tuple[int, object]]:
    def values(fields: list[bytes]) -> tuple[str, ...]:
        return tuple("" if field in dialect.nulls else field.decode() for field in fields)

    return [
        (number, values(found.fields) if found.fields is not None else (found.code, found.raw))
        for number, found in enumerate(read_reference(data, 2, longest, dialect), 1)
    ]


def differing(data: bytes, edges: tuple[int, int, int], dialect: Dialect) -> str | None:
    """Return how the reader differs from the reference; none when it does not."""
    with sizes(*edges):
        found = outcome(data, dialect)
    each = (found, expected(data, edges[2], dialect))
    found, wanted = (
        [(at, (what[0], "long") if what[0] == "record_too_long" else what) for at, what in some] for some in each
    )
    return None if found == wanted else f"{data!r} {edges=} {dialect=}:\n{found}\n{wanted}"


def test_a_quote_inside_a_quoted_field_is_refused_whatever_stands_beside_it() -> None:
    odd = b'1,"The "Big" hat"\n'
    for before in (b"", b"x,y\n", b'x,"y"\n', b'"x\ny",z\n', b'x,"open\n'):
        for after in (b"", b"x,y\n", b'x,"y"\n', b'"x\ny",z\n', b'x,"open\n'):
            assert ("malformed_record", odd.rstrip()) in [what for _, what in outcome(before + odd + after)]


@pytest.mark.parametrize(
    "line",
    [
        b'1,"say \\"hi\\""',
        b'1,"\\"hi\\", she said"',
        b'"ends with \\"",1',
        b'"{\\"a\\": 1}",1',
        b'"a\\",b"',
    ],
)
def test_an_escape_that_no_contract_names_is_refused_with_its_bytes(line: bytes) -> None:
    found = outcome(line + b"\nx,y\n")
    assert found == [(1, ("malformed_record", line)), (2, ("x", "y"))]


def test_a_backslash_that_can_mean_nothing_else_is_kept() -> None:
    assert outcome(b'"C:\\dir, x\\",2\nC:\\dir\\,3\n') == [(1, ("C:\\dir, x\\", "2")), (2, ("C:\\dir\\", "3"))]


def test_carriage_returns_are_line_ends_before_line_feeds_only() -> None:
    assert outcome(b'1,2\r\n"a\r\nb",3\r\nx\ry,4\r\n') == [
        (1, ("1", "2")),
        (2, ("a\r\nb", "3")),
        (3, ("malformed_record", b"x\ry,4")),
    ]


def spoken(data: bytes, dialect: Dialect) -> bytes:
    """Return a text of RFC 4180's characters with the dialect's in their places."""
    for usual, own in ((b'"', dialect.quote), (b"\\", dialect.escape), (b",", dialect.delimiter)):
        data = data.replace(usual, own or usual)
    return data


@settings(max_examples=cases(500), deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join),
    st.sampled_from([(3, 8, 40), (5, 16, 24), (1 << 20, 4 << 20, 8 << 20)]),
    st.sampled_from(list(DIALECTS)),
)
def test_the_reader_agrees_with_one_that_reads_a_character_at_a_time(
    data: bytes, edges: tuple[int, int, int], dialect: str
) -> None:
    assert differing(spoken(data, DIALECTS[dialect]), edges, DIALECTS[dialect]) is None


@pytest.mark.proof
def test_a_million_texts_are_read_as_by_the_reference() -> None:
    began, seed = time.monotonic(), fresh_seed()
    chance = random.Random(seed)
    names = ["RFC 4180"] * 4 + list(DIALECTS)[1:]
    edges = [(3, 8, 40), (5, 16, 24), (7, 30, 60), (1 << 20, 4 << 20, 8 << 20)]
    for number in range(1_000_000):
        data = b"".join(chance.choices(PIECES, k=chance.randrange(1, 16)))
        dialect = DIALECTS[chance.choice(names)]
        problem = differing(spoken(data, dialect), edges[number % len(edges)], dialect)
        assert problem is None, f"seed {seed}, text {number}: {problem}"
    sys.stderr.write(f"1,000,000 texts, seed {seed}, {time.monotonic() - began:,.0f} s\n")


@settings(max_examples=cases(200), deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\\"), max_size=8),
                         min_size=2, max_size=2), min_size=1, max_size=20),
       st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))  # fmt: skip
def test_what_the_standard_library_writes_is_read_back_at_every_edge(
    records: list[list[str]], end: str, quoting: int
) -> None:
    if quoting == csv.QUOTE_MINIMAL:  # the writer leaves a carriage return bare, and so makes a line end of it
        records = [[value.replace("\r", "") for value in record] for record in records]
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(records)  # type: ignore[arg-type]
    with sizes(3, 8, 4_000):
        assert [what for _, what in outcome(text.getvalue().encode())] == [tuple(record) for record in records]


@settings(max_examples=cases(200), deadline=None)
@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=8),
                      min_size=2, max_size=2), min_size=1, max_size=20),
    st.sampled_from(["escaped", "other quotes", "no quotes, escaped"]),
)  # fmt: skip
def test_what_the_standard_library_writes_in_another_dialect_is_read_back(records: list[list[str]], name: str) -> None:
    dialect, text = DIALECTS[name], io.StringIO()
    if not dialect.escape:
        records = [[value.replace("\\", "") for value in record] for record in records]
    csv.writer(
        text, lineterminator="\n", delimiter=dialect.delimiter.decode(), quotechar=dialect.quote.decode() or None,
        escapechar=dialect.escape.decode() or None, doublequote=not dialect.escape,
        quoting=csv.QUOTE_ALL if dialect.quote else csv.QUOTE_NONE,
    ).writerows(records)  # fmt: skip
    with sizes(3, 8, 4_000):
        assert [what for _, what in outcome(text.getvalue().encode(), dialect)] == [tuple(record) for record in records]


def test_lines_that_an_escape_carries_on_outside_quotes_are_refused_together() -> None:
    assert outcome(b"a\\\nb,c\nx,y\n", DIALECTS["no quotes, escaped"]) == [
        (1, ("malformed_record", b"a\\\nb,c")),
        (2, ("x", "y")),
    ]


@pytest.mark.slow
def test_forty_thousand_bad_lines_of_a_hundred_thousand_cost_no_more_than_a_few_seconds() -> None:
    kinds = (b'1,"The "Big" hat"\n', b'2,"open\n', b"1,2,3\n", b"x\ry,4\n", b"\xff,1\n")
    good = b"some text,some more\n"
    data = b"".join(kinds[n % 5] if n % 5 < 2 else good for n in range(100_000))
    began = time.process_time()
    found = outcome(data)
    assert time.process_time() - began < 10
    assert len(found) == 100_000
    assert sum(what[0] == "malformed_record" for _, what in found) == 40_000
