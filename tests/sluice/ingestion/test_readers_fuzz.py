"""A reader raises nothing but a quarantine, whatever the bytes; what storage raises is raised as it was."""

from __future__ import annotations

import gzip
import io
import random
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contracts import LandingContract
from sluice.errors import DeliveryError
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.read import read_checked
from sluice.ingestion.source import ByteSource, BytesSpool
from tests.laws import cases, fresh_seed
from tests.sluice.ingestion.reading import column, contract, read, source

COLUMNS = (
    column("id", required=True),
    column("n", "int", minimum="1"),
    column("cost", "decimal(10,2)"),
    column("day", "date"),
    column("at", "timestamp"),
    column("ok", "boolean"),
    column("more", fmt="json"),
)
FORMATS = tuple(FILE_FORMATS)
CONTRACTS = {kind: contract(*COLUMNS, format=kind) for kind in FORMATS}
CONTRACTS["access_log"] = contract(
    column("host"), column("time", "timestamp"), column("status", "int"), format="access_log"
)


def _rows() -> list[dict[str, Any]]:
    return [
        {"id": f"k{n}", "n": n + 1, "cost": "1.50", "day": "2026-01-31", "at": "2026-01-01T00:00:00Z", "ok": True,
         "more": {"a": [n, None, "x"]}}
        for n in range(20)
    ]  # fmt: skip


def _parquet(**options: Any) -> bytes:
    out = io.BytesIO()
    typed = {"cost": Decimal("1.50"), "day": date(2026, 1, 31), "at": datetime(2026, 1, 1), "raw": b"\xff"}
    rows = [{**row, **typed, "more": row["more"]["a"][:1]} for row in _rows()]
    pq.write_table(pa.Table.from_pylist(rows), out, **options)
    return out.getvalue()


class _Files(dict[str, list[bytes]]):
    """Sound files by their format; asks for those of a format that has none."""

    def __missing__(self, kind: str) -> list[bytes]:
        raise AssertionError(
            f"The format {kind!r} has no sound file here, so that none can be damaged: give `_sound` in {__file__}"
            f" one or more files of {kind!r} with the columns of COLUMNS, or those of CONTRACTS[{kind!r}]."
        )


def test_a_format_without_a_sound_file_is_asked_for_one() -> None:
    assert set(SOUND) >= set(FORMATS)
    with pytest.raises(AssertionError, match="The format 'pipes' has no sound file here"):
        SOUND["pipes"]


def _sound() -> _Files:
    """Return sound files of each format."""
    text = (
        b"id,n,cost,day,at,ok,more\n" + b'k,1,"1.50",2026-01-31,2026-01-01T00:00:00Z,true,"{""a"": ""b\nc""}"\r\n' * 20
    )
    objects = _rows()
    log = b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 5 "-" "x"\n' * 20
    plain = {
        "csv": [text],
        "ndjson": [b"\n".join(map(orjson.dumps, objects))],
        "json": [orjson.dumps(objects), b"\n".join(map(orjson.dumps, objects))],
        "access_log": [log],
    }
    files = _Files({kind: [*some, *(pack(one) for one in some for pack in (gzip.compress, zstandard.compress))]
                    for kind, some in plain.items()})  # fmt: skip
    files["parquet"] = [
        _parquet(),
        _parquet(compression="zstd", use_dictionary=False, data_page_version="2.0"),
        _parquet(row_group_size=7, compression="gzip", write_page_index=True),
    ]
    return files


SOUND = _sound()
TOKENS = (
    *(b"\x00", b"\xff", b'"', b"'", b"\\", b",", b"\n", b"\r", b"[", b"{", b"}", b"]", b":", b"\xef\xbb\xbf"),
    b"\xff\xfe",
    *(b"1e400", b"9" * 400, b"-", b"null", b'{"id":1,"id":2}', b"[" * 2000, b'{"a":' * 1200, b"\xf0\x9f", b"\\ud800"),
)  # fmt: skip


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return ``data`` with a few of its bytes changed, cut, doubled or replaced."""
    out = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(7)
        if kind == 0 and out:
            out[min(at, len(out) - 1)] = chance.randrange(256)
        elif kind == 1:
            del out[at : at + chance.randrange(1, 40)]
        elif kind == 2:
            out[at:at] = chance.choice(TOKENS)
        elif kind == 3:
            del out[at:]
        elif kind == 4:
            out[at:at] = out[at : at + chance.randrange(1, 200)]
        elif kind == 5:
            out[at : at + 4] = chance.randbytes(4)
        else:
            out += out[:at] if chance.random() < 0.3 else b""
    return bytes(out)


def problem(data: bytes, declared: LandingContract) -> str | None:
    """Return what a reader raised that is no quarantine, or a refusal that says too little; none when all is well."""
    try:
        for checked in read_checked(source(data), declared):
            kept = zip(*(checked.rejected[name].to_pylist() for name in ("record", "record_pointer")), strict=True)
            if any(record is pointer is None for record, pointer in kept):
                return "a record was refused and its bytes lost"
    except DeliveryError as error:
        told = error.code and error.safe and error.next_step and str(error).startswith("s3://landing/things/file")
        about = error.file is not None and error.file in error.what and error.dataset == declared.name
        return None if told and about else f"says too little: {error.as_data()}"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("kind", FORMATS)
def test_sound_files_are_read_whole(kind: str) -> None:
    for data in SOUND[kind]:
        rows, rejected = read(data, CONTRACTS[kind])
        assert (len(rows), rejected) == (20, [])


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=cases(60), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_file_is_read_or_quarantined(kind: str, seed: int) -> None:
    chance = random.Random(seed)
    assert problem(mutated(chance.choice(SOUND[kind]), chance), CONTRACTS[kind]) is None


@settings(max_examples=cases(100), deadline=None)
@given(st.sampled_from(FORMATS), st.binary(max_size=200))
def test_any_bytes_are_read_or_quarantined(kind: str, data: bytes) -> None:
    assert problem(data, CONTRACTS[kind]) is None


@pytest.mark.proof
def test_a_million_mutated_files_are_read_or_quarantined() -> None:
    began, seed = time.monotonic(), fresh_seed()
    for number in range(1_000_000):
        chance = random.Random(seed + number)
        kind = FORMATS[number % len(FORMATS)]
        found = problem(mutated(chance.choice(SOUND[kind]), chance), CONTRACTS[kind])
        assert found is None, f"{kind}, random.Random({seed + number}): {found}"
    sys.stderr.write(f"1,000,000 files from seed {seed} on, {time.monotonic() - began:,.0f} s\n")


DEEP = b'{"id":"a","more":' + b"[" * 5_000 + b"]" * 5_000 + b"}"


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        ("csv", b"id,n\ra,1\rb,2\r", "header_mismatch"),
        ("csv", b"x" * 200_000 + b",n\na,1\n", "header_mismatch"),
        ("csv", b'id,"n\na,1\n', "header_mismatch"),
        ("csv", b"\n\r\n\n", "empty_file"),
        ("csv", "id,n\na,1\n".encode("utf-32"), "wrong_encoding"),
        ("csv", gzip.compress(b"id,n\na,1\n", mtime=0) + b"rubbish", "corrupt"),
        ("json", b'[{"id":"a"},{"id":"b"},', "corrupt"),
        ("json", b'[{"id":"a"}', "corrupt"),
        ("json", b"[{}},,,{}]", "corrupt"),
        ("json", b"[{},,{}]", "corrupt"),
        ("json", b"[{},]", "corrupt"),
        ("json", b"[{}]x", "corrupt"),
        ("json", b"[{}{}]", "corrupt"),
        ("json", b'[{"id":a}]', "corrupt"),
        ("json", b"[" * 100_000, "corrupt"),
        ("json", b'[{"id":"a"},\x00]', "corrupt"),
        ("json", b'[{"id":"a"},\xff,{"id":"b"}]', "corrupt"),
        ("json", b'[{"id":"a"\x00],{"id":"b"}]', "corrupt"),
        ("json", b'[{"id":"a"},{"id"\xff:"b"}]', "corrupt"),
        ("json", b" \n", "empty_file"),
        ("parquet", b"PAR1" + b"\xff" * 100 + b"PAR1", "corrupt"),
    ],
)
def test_what_cannot_be_read_is_refused_whole_by_code(kind: str, data: bytes, code: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        read(data, CONTRACTS[kind])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        ("ndjson", DEEP, "malformed_record"),
        ("json", b"[" + DEEP + b"]", "malformed_record"),
        ("ndjson", b'{"id":"a","id":"b"}', "duplicate_key"),
        ("ndjson", b'{"id":"a","more":{"x":{"y":1,"y":1}}}', "duplicate_key"),
        ("ndjson", b'{"id":"a","unknown":{"y":1,"y":1}}', "duplicate_key"),
        ("ndjson", b'{"id":null,"id":"b"}', "duplicate_key"),
        ("ndjson", b'{"id":"a","i\\u0064":"b"}', "duplicate_key"),
        ("json", b'[{"id":"a","n":1,"n":2}]', "duplicate_key"),
        ("ndjson", b'{"id":"a","unknown":"\xff"}', "wrong_encoding"),
        ("json", b'[{"id":"\xff"}]', "wrong_encoding"),
        ("ndjson", b'{"id":"a","unknown":"\x00"}', "nul_byte"),
    ],
)
def test_one_record_is_refused_with_its_bytes_and_its_neighbour_goes_on(kind: str, data: bytes, code: str) -> None:
    good = b'{"id":"z"}'
    both = data + b"\n" + good if kind == "ndjson" else data[:-1] + b"," + good + b"]"
    rows, rejected = read(both, CONTRACTS[kind])
    assert rows["id"].to_pylist() == ["z"]
    assert [record.reasons[0].code for record in rejected] == [code]
    assert rejected[0].raw == (data if kind == "ndjson" else data[1:-1])


class _Breaks(io.BytesIO):
    """A file whose storage fails after some bytes."""

    def __init__(self, data: bytes, after: int) -> None:
        super().__init__(data)
        self.after = after

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() + (size or 0) > self.after:
            raise ConnectionError("the network is gone")
        return super().read(size)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, zstandard.compress])
def test_a_failure_of_storage_comes_out_as_it_was(kind: str, pack: Callable[[bytes], bytes]) -> None:
    data = SOUND[kind][0] if kind == "parquet" else pack(random.Random(1).randbytes(3 << 20) + SOUND[kind][0])
    opened: Callable[[], BinaryIO] = lambda: _Breaks(data, 100)  # noqa: E731
    broken = ByteSource(
        "s3://landing/things/file", len(data), "auto", opened, opened, lambda _: nullcontext(BytesSpool())
    )
    with pytest.raises(ConnectionError, match="the network is gone"):
        list(read_checked(broken, CONTRACTS[kind]))
