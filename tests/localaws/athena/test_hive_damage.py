"""Files and values that are broken, endless or ambiguous: each is refused by name, or read as Hive reads it."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterator

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localaws.athena.errors import QueryFailed
from localaws.athena.hive.codecs import CODECS, text_of
from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import objects, work_group
from tests.localaws.athena.server import running

OPENX = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "damage")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "damage")


def table(client: Client, columns: str, form: str, body: bytes = b"", more: str = "") -> None:
    """Create the table t in the format over one file, if any."""
    if body:
        client.ctx.client("s3").put_object(Bucket="damage", Key=f"{client.database}/t/a", Body=body)
    client.rows(f"CREATE EXTERNAL TABLE t ({columns}) {form} LOCATION 's3://damage/{client.database}/t/' {more}")


@pytest.mark.parametrize("name", [name for name in CODECS if name != "NONE"])
def test_a_file_that_is_cut_off_anywhere_is_refused(name: str) -> None:
    codec = CODECS[name]
    text = random.Random(0).randbytes(150).hex()
    whole = codec.write(text.encode(), None)
    assert text_of(f"b/a{codec.suffix}", whole) == text
    for size in range(1, len(whole)):
        with pytest.raises(QueryFailed, match=f"Failed to read file at s3://b/a{codec.suffix}"):
            text_of(f"b/a{codec.suffix}", whole[:size])


@pytest.mark.slow
def test_sparks_old_timestamps_are_read_whatever_their_columns_capitals(client: Client) -> None:
    body = io.BytesIO()
    rows = pa.table({"T": pa.array([253402214400000000], pa.timestamp("us"))})
    pq.write_table(rows, body, use_deprecated_int96_timestamps=True)
    table(client, "t timestamp", "STORED AS PARQUET", body.getvalue())
    assert client.rows("SELECT t FROM t") == [["9999-12-31 00:00:00.000"]]


def test_a_footer_may_be_longer_than_the_file(client: Client) -> None:
    table(client, "a string", "", b"1\n2\n3\n", "TBLPROPERTIES ('skip.footer.line.count'='5')")
    assert client.rows("SELECT a FROM t") == []


def test_a_number_that_is_no_moment_is_null_at_once(client: Client) -> None:
    numbers = ["1e900000", "1.0e999999", "-1e16", "1e99999999999999999999", "NaN", "1e3"]
    lines = "".join(f'{{"ts": {number}}}\n' for number in numbers)
    table(client, "ts timestamp", OPENX, lines.encode())
    began = time.process_time()
    assert client.rows("SELECT ts FROM t") == [*[[None]] * 5, ["1970-01-01 00:00:01.000"]]
    assert time.process_time() - began < 3


def test_half_a_pair_of_utf_16_is_the_sign_of_what_is_no_text(client: Client) -> None:
    line = rb'{"s": "a\ud800", "m": {"\udc00": "\ud83d\ude00"}, "n": {"x": "\ud800"}, "b": "\ud800"}'
    table(client, "s string, m map<string,string>, n string, b binary", OPENX, line)
    assert client.rows("SELECT s, m, n, to_hex(b) FROM t") == [
        ["a\ufffd", "{\ufffd=\U0001f600}", '{"x":"\ufffd"}', "EFBFBD"]
    ]


def test_of_two_texts_that_are_one_key_the_first_is_taken(client: Client) -> None:
    table(client, "m map<int,string>", OPENX, b'{"m": {"1": "a", "01": "b"}}')
    assert client.rows("SELECT m FROM t") == [["{1=a}"]]


def test_an_avro_number_that_is_too_large_is_bad_data(client: Client) -> None:
    body = io.BytesIO()
    schema = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "long"}]}
    fastavro.writer(body, schema, [{"a": 1 << 31}])
    table(client, "a int", "STORED AS AVRO", body.getvalue())
    assert client.fails("SELECT a FROM t") == (
        "HIVE_BAD_DATA: Column a: the file's value '2147483648' is none of type integer"
    )


def test_a_pattern_that_grows_without_end_is_refused(client: Client) -> None:
    names = "\\n".join(f"A{n} " + f"%{{A{n + 1}}}" * 8 for n in range(30)) + "\\nA30 x"
    serde = "ROW FORMAT SERDE 'com.amazonaws.glue.serde.GrokSerDe' WITH SERDEPROPERTIES ("
    table(client, "a string", f"{serde}'input.format'='%{{A0:a}}')", b"x\n")
    glue = client.ctx.client("glue")
    made = glue.get_table(DatabaseName=client.database, Name="t")["Table"]
    made["StorageDescriptor"]["SerdeInfo"]["Parameters"]["input.grokCustomPatterns"] = names.replace("\\n", "\n")
    kept = {key: made[key] for key in ("Name", "TableType", "Parameters", "StorageDescriptor", "PartitionKeys")}
    glue.update_table(DatabaseName=client.database, TableInput=kept)
    assert "names stand for a pattern of more than" in client.fails("SELECT a FROM t")


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ("'field.delim'=',', 'escape.delim'='\\\\', 'serialization.null.format'='nil'", "'nil', ARRAY['x']"),
        ("'field.delim'=',', 'serialization.null.format'='a,b'", "NULL, ARRAY['x']"),
        ("'field.delim'='\\n'", "'x', ARRAY['y']"),
        ("'field.delim'=',', 'collection.delim'=','", "'x', ARRAY['y', 'z']"),
        ("'field.delim'=','", "'x', ARRAY['']"),
        ("'field.delim'=','", "'x', ARRAY[NULL]"),
        ("'field.delim'=',', 'serialization.null.format'=''", "'', ARRAY['y']"),
    ],
)
def test_what_would_not_be_read_back_is_not_written(client: Client, properties: str, value: str) -> None:
    serde = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe' WITH SERDEPROPERTIES"
    table(client, "a string, b array<string>", f"{serde} ({properties})")
    assert client.fails(f"INSERT INTO t VALUES ({value})").startswith("HIVE_WRITER_DATA_ERROR")
    assert objects(client) == []
