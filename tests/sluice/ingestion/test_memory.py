"""Whatever a small file unpacks to, a function of 512 MB reads or refuses it; each case in a process of its own."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.laws import some

pytestmark = pytest.mark.slow

#: What a function of 512 MB has left beside boto3 and its runtime.
MOST_MEGABYTES = 400
_READ = """
import sys
from contextlib import nullcontext
from pathlib import Path
from sluice.errors import DeliveryError
from sluice.ingestion.read import read_checked
from sluice.ingestion.source import ByteSource
from tests.sluice.ingestion.reading import column, contract

class Nowhere:
    pointer = "nowhere:"
    def write(self, data): pass

file, (kind, _, typed), columns = Path(sys.argv[1]), sys.argv[2].partition(":"), int(sys.argv[3])
opened = lambda: file.open("rb")
source = ByteSource("s3://f", file.stat().st_size, "auto", opened, opened, lambda _: nullcontext(Nowhere()))
types = ("string", typed or "string", *(["double"] * columns))
declared = contract(*(column(f"c{n}", types[n]) for n in range(columns)), format=kind)
accepted = rejected = 0
try:
    for part in read_checked(source, declared):
        accepted, rejected = accepted + part.accepted.num_rows, rejected + part.rejected.num_rows
except DeliveryError as error:
    print(error.code, end=" ")
# Of this program alone: getrusage also tells what the process was before it became this program.
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(accepted, rejected, int(peak) // 1024)
"""


def _parquet(column: pa.Array, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"c0": column}), out, **options)
    return out.getvalue()


def _same(times: int, text: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), times), pa.array([text]))


def _nested(kind: str, values: pa.Array) -> pa.Array:
    """Return one value in each list, struct or map."""
    ends = range(len(values) + 1)
    if kind == "list":
        return pa.ListArray.from_arrays(ends, values)
    if kind == "struct":
        return pa.StructArray.from_arrays([values], ["d"])
    return pa.MapArray.from_arrays(ends, pa.array(["k"] * len(values)), values)


def _json(text: str, times: int) -> bytes:
    """Return JSON, which Arrow writes out of its dictionary unless it is told that it is text."""
    return _parquet(pa.ExtensionArray.from_storage(pa.json_(), _same(times, text).dictionary_decode()))


def _one_path_twice() -> bytes:
    """Return a file of two columns of one path: Arrow writes one of them out of its dictionary, whatever it is told."""
    out, long = io.BytesIO(), _same(1_500, "x" * 500_000)
    table = {"c0": ["a"] * 1_500, "a": pa.StructArray.from_arrays([long], ["b"]), "a.b": long}
    pq.write_table(pa.table(table), out, store_schema=False)
    return out.getvalue()


def _not_text(rows: int, columns: int) -> bytes:
    out = io.BytesIO()
    bad = pa.array([b"\xff%d" % n for n in range(rows)]).view(pa.string())
    pq.write_table(pa.table({f"c{n}": bad for n in range(columns)}), out)
    return out.getvalue()


BOMBS: dict[str, tuple[str, int, Callable[[], bytes], str]] = {
    "one line of 400 MB in 2 MB": ("csv", 2, lambda: gzip.compress(b"c0,c1\n" + b"x" * (400 << 20), 1), "0 1"),
    "a quote that is never closed": ("csv", 2, lambda: b'c0,c1\n"' + b"x,1\n" * 500_000, "499999 1"),
    "short lines that are wrong": ("csv", 2, lambda: zstandard.compress(b"c0,c1\n" + b"x\n" * 500_000), "0 500000"),
    "short lines of a wide contract": ("csv", 300, lambda: b"c0\n" + b"1\n" * 200_000, "200000 0"),
    "objects of nothing": ("json", 300, lambda: b"[" + b"{}," * 50_000 + b"{}]", "50001 0"),
    "a value of 100 MB in an array": ("json", 1, lambda: b'[{"c0":"' + b"x" * (100 << 20) + b'"},{"c0":"z"}]', "1 1"),
    "a decimal of eight million zeros": (
        "csv:decimal(10,2)", 2, lambda: b"c0,c1\na,1." + b"0" * 8_000_000 + b"\nb," + b"9" * 8_000_000 + b"e5\n", "1 1",
    ),
    "objects of nothing in one record": (
        "ndjson", 1, lambda: b'{"c0":"a","u":[' + b'{"":0},' * 1_150_000 + b"0]}", "1 0",
    ),
    "brackets": ("json", 1, lambda: b"[" * (30 << 20), "corrupt 0 0"),
    "a dictionary of one long text": ("parquet", 1, lambda: _parquet(_same(3_000, "x" * 1_000_000)), "3000 0"),
    "a dictionary that is 100 GB of rows": (
        "parquet", 1, lambda: _parquet(_same(100_000, "x" * 1_000_000)), "file_too_large 0 0",
    ),
    "a dictionary in lists of one long text": (
        "parquet", 1, lambda: _parquet(pa.ListArray.from_arrays(range(1_501), _same(1_500, "x" * 1_000_000))), "0 1500",
    ),
    "one page of 200 MB": (
        "parquet", 1, lambda: _parquet(pa.array(["x" * 1_000_000] * 200), use_dictionary=False, compression="zstd"),
        "file_too_large 0 0",
    ),
    "beginnings that are shared": (
        "parquet", 1, lambda: _parquet(pa.array(["x" * 100_000] * 3_000), use_dictionary=False,
                                       column_encoding={"c0": "DELTA_BYTE_ARRAY"}), "3000 0",
    ),
    "one row group of 300 MB": (
        "parquet", 1, lambda: _parquet(pa.array([f"{n:0200}" for n in range(1_500_000)]), use_dictionary=False,
                                       compression="none", row_group_size=1_500_000), "1500000 0",
    ),
    "JSON of a dictionary": ("parquet", 1, lambda: _json('"' + "x" * 500_000 + '"', 600), "600 0"),
    "two columns of one path": ("parquet", 1, _one_path_twice, "1500 0"),
    "text that is not UTF-8": ("parquet", 1, lambda: _not_text(60_000, 20), "0 60000"),
    "nulls without end": ("parquet", 30, lambda: _parquet(pa.nulls(500_000, pa.string())), "500000 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", some(BOMBS, 4))
def test_memory_is_bounded_whatever_a_file_unpacks_to(name: str, tmp_path: Path) -> None:
    kind, columns, make, wanted = BOMBS[name]
    _assert_bounded(tmp_path / "bomb", make(), kind, columns, wanted)


#: Each kind, each role of its column, and files with and without Arrow's own schema; `make proof` has all twelve.
_SHARE = {("list", True, "extra"), ("struct", False, "of the contract"), ("map", False, "extra")}
_NESTED = [
    pytest.param(kind, stored, wanted, id=f"{kind}-{stored}-{role}",
                 marks=[] if (kind, stored, role) in _SHARE else [pytest.mark.proof])
    for kind in ("list", "struct", "map") for stored in (True, False)
    for role, wanted in (("extra", "3000 0"), ("of the contract", "0 1000"))
]  # fmt: skip


@pytest.mark.parametrize(("kind", "store_schema", "wanted"), _NESTED)
def test_memory_is_bounded_whatever_holds_a_long_text(
    kind: str, store_schema: bool, wanted: str, tmp_path: Path
) -> None:
    # 3,000 of them are more than a column of text can hold in Arrow; refusing so many takes long.
    rows = 1_000 if wanted == "0 1000" else 3_000
    long = _nested(kind, _same(rows, "x" * 900_000))
    columns = {"c0": long} if wanted == "0 1000" else {"c0": ["a"] * rows, "x": long}
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, store_schema=store_schema, row_group_size=rows)
    _assert_bounded(tmp_path / "bomb", out.getvalue(), "parquet", 1, wanted)


def _assert_bounded(file: Path, data: bytes, kind: str, columns: int, wanted: str) -> None:
    """Read a file in a process of its own: the rows accepted and rejected are as ``wanted``, and so is its memory."""
    file.write_bytes(data)

    command = [sys.executable, "-c", _READ, str(file), kind, str(columns)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)

    found, _, megabytes = done.stdout.strip().rpartition(" ")
    assert found.endswith(wanted) if "file_too_large" not in wanted else found.startswith("file_too_large"), (
        done.stdout, done.stderr[-2000:]
    )  # fmt: skip
    assert int(megabytes) < MOST_MEGABYTES
