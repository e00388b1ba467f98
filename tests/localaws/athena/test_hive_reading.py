"""Tables over files in each SerDe of Athena, read as Hive reads them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyarrow import orc

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import work_group
from tests.localaws.athena.server import running

OPENCSV = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'"
OPENX = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"
HIVE_JSON = "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'"


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "readers")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "readers")


def table(client: Client, columns: str, form: str, files: dict[str, bytes | str], more: str = "") -> None:
    """Create the table t in the format over files below its location."""
    for name, body in files.items():
        raw = body.encode() if isinstance(body, str) else body
        client.ctx.client("s3").put_object(Bucket="readers", Key=f"{client.database}/t/{name}", Body=raw)
    client.rows(f"CREATE EXTERNAL TABLE t ({columns}) {form} LOCATION 's3://readers/{client.database}/t/' {more}")


@pytest.mark.slow
def test_lazy_simple_text_has_nested_values(client: Client) -> None:
    table(
        client,
        "id int, tags array<string>, counts map<string,int>, at struct<x:double,y:array<int>>, deep array<array<int>>",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' COLLECTION ITEMS TERMINATED BY ';' MAP KEYS TERMINATED BY ':'",
        {"a.csv": "1,a;b,k:1;l:2,1.5;3:4,1:2;3\n2,\\N,,\\N,\n3,\\N\n"},
    )
    assert client.rows("SELECT id, tags, counts, at.x, at.y, deep FROM t ORDER BY id") == [
        ["1", "[a, b]", "{k=1, l=2}", "1.5", "[3, 4]", "[[1, 2], [3]]"],
        ["2", None, "{}", None, None, "[]"],
        ["3", None, None, None, None, None],
    ]


def test_hives_own_delimiters_are_control_characters(client: Client) -> None:
    table(client, "id int, m map<string,array<int>>", "", {"a": "1\x01k\x031\x042\x02l\x033\n"})
    assert client.rows("SELECT id, m['k'], m['l'] FROM t") == [["1", "[1, 2]", "[3]"]]


def test_lazy_simple_text_reads_scalars_as_java_does(client: Client) -> None:
    table(
        client,
        "d double, f float, i int, b boolean, bin binary, m decimal(5,2), dt date, ts timestamp",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','",
        {
            "a": "NaN,Infinity,2147483648,TRUE,AP9B,1.005,2024-02-30,2024-01-31 10:00:00.1234567\n"
            "-Infinity,1e3,x,yes,no base64!,1000,2024-1-2,2024-01-31\n"
            "1.5f,.5,+7,false,,abc,,\n"
        },
    )
    assert client.rows("SELECT * FROM t") == [
        ["NaN", "Infinity", None, "true", "00 ff 41", "1.01", None, "2024-01-31 10:00:00.123"],
        ["-Infinity", "1000.0", None, None, "6e 6f 20 62 61 73 65 36 34 21", None, "2024-01-02", None],
        ["1.5", "0.5", "7", "false", "", None, None, None],
    ]


@pytest.mark.parametrize("form", ["ROW FORMAT DELIMITED FIELDS TERMINATED BY ','", OPENCSV])
def test_a_line_ends_with_a_line_feed_or_carriage_return_alone(client: Client, form: str) -> None:
    table(client, "a string, b string", form, {"a": "x\u2028y\x0b\x85,1\r\nz\x0c,2\rw,3\n"})
    assert client.rows("SELECT * FROM t") == [["x\u2028y\x0b\x85", "1"], ["z\x0c", "2"], ["w", "3"]]


@pytest.mark.parametrize(
    "form", ["ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'", HIVE_JSON, OPENX]
)
def test_a_table_declares_the_formats_of_its_moments(client: Client, form: str) -> None:
    patterns = "yyyy-MM-dd\\'T\\'HH:mm:ss.SSSZ,dd/MM/yyyy HH:mm,millis"
    moments = ["2024-01-31T12:00:00.500+02:00", "31/01/2024 10:00", "1706695200000", "2024-01-31 10:00:00", "31.1."]
    lines = "".join(f'{{"a": "{each}"}}\n' if "Json" in form else f"{each}\n" for each in moments)
    table(client, "a timestamp", f"{form} WITH SERDEPROPERTIES ('timestamp.formats'='{patterns}')", {"a": lines})
    whole = "2024-01-31 10:00:00.000"
    assert client.rows("SELECT a FROM t") == [["2024-01-31 10:00:00.500"], [whole], [whole], [whole], [None]]


def test_a_moment_outside_of_the_calendar_is_null(client: Client) -> None:
    serde = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'"
    told = "WITH SERDEPROPERTIES ('timestamp.formats'='yyyy-MM-dd HH:mmZ')"
    table(client, "a timestamp", f"{serde} {told}", {"a": "0001-01-01 00:00+02:00\n2024-01-31 00:00+02:00\n"})
    assert client.rows("SELECT a FROM t") == [[None], ["2024-01-30 22:00:00.000"]]
    client.rows("DROP TABLE t")
    table(client, "a timestamp", f"{serde} WITH SERDEPROPERTIES ('timestamp.formats'='H HH')", {})
    assert "the letters 'HH' of 'H HH' say again what others say" in client.fails("SELECT a FROM t")


def test_escaped_and_null_text(client: Client) -> None:
    table(
        client,
        "a string, b string, c string",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' ESCAPED BY '\\\\' NULL DEFINED AS 'nil'",
        {"a": "x\\|y|\\\\|nil\n\\N||z\n"},
    )
    assert client.rows("SELECT * FROM t") == [["x|y", "\\", None], ["N", "", "z"]]


def test_a_varchar_is_cut_to_its_length(client: Client) -> None:
    table(client, "a varchar(2), b string", "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','", {"a": "xyz,xyz\né€z,\n"})
    assert client.rows("SELECT a, b FROM t WHERE length(a) = 2") == [["xy", "xyz"], ["é€", ""]]


def test_header_and_footer_lines_are_left_out_of_each_file(client: Client) -> None:
    properties = "TBLPROPERTIES ('skip.header.line.count'='1', 'skip.footer.line.count'='1')"
    table(client, "a string", "", {"a": "head\n1\nfoot\n", "b": "head\n2\nfoot\n"}, properties)
    assert client.rows("SELECT a FROM t ORDER BY a") == [["1"], ["2"]]


def test_opencsv_reads_days_milliseconds_and_lines(client: Client) -> None:
    columns = "id int, d date, ts timestamp, f boolean, v string"
    lines = '"1","19723","1706695200000","TRUE","a, ""b"" \\" c"\n2,-1,0,no,"open\n'
    table(client, columns, OPENCSV, {"a.csv": lines})
    assert client.rows("SELECT * FROM t") == [
        ["1", "2024-01-01", "2024-01-31 10:00:00.000", "true", 'a, "b" " c'],
        ["2", "1969-12-31", "1970-01-01 00:00:00.000", "false", None],  # its quotes are not closed on its line
    ]
    client.ctx.client("s3").put_object(Bucket="readers", Key=f"{client.database}/t/b.csv", Body=b"x,2024-01-01\n")
    assert len(client.rows("SELECT v FROM t")) == 3
    said = "HIVE_BAD_DATA: Error parsing field value '{0}' for field {1}: For input string: \"{0}\""
    assert client.fails("SELECT id FROM t") == said.format("x", 0)
    assert client.fails("SELECT d FROM t") == said.format("2024-01-01", 1)


def test_opencsv_has_separators_of_its_own(client: Client) -> None:
    serde = f"{OPENCSV} WITH SERDEPROPERTIES ('separatorChar'='\\t', 'quoteChar'='`', 'escapeChar'='^')"
    table(client, "a string, b string", serde, {"a.tsv": "`x\ty`\tp^`q\n"})
    assert client.rows("SELECT * FROM t") == [["x\ty", "p`q"]]


def test_openx_json_is_mapped_and_lenient(client: Client) -> None:
    properties = {
        "mapping.at": "@timestamp", "mapping.user_id": "userId", "ignore.malformed.json": "true",
        "dots.in.keys": "true",
    }  # fmt: skip
    told = ", ".join(f"'{key}'='{value}'" for key, value in properties.items())
    table(
        client,
        "at string, user_id bigint, a_b string, n struct<inner:array<struct<v:decimal(20,10)>>>, m map<string,int>, "
        "s string",
        f"{OPENX} WITH SERDEPROPERTIES ({told})",
        {
            "a.json": '{"@timestamp": "t1", "USERID": 9007199254740993, "a.b": 1.10, '
            '"N": {"Inner": [{"V": 0.1234567891}]}, "m": {"K": 1, "l": null}, "s": {"x": [1.50, true, null]}}\n'
            "no json\n\n[1\n"
            '{"at": "not mapped", "s": "text"}\n'
        },
    )
    assert client.rows('SELECT at, user_id, a_b, n."inner"[1].v, m, s FROM t') == [
        ["t1", "9007199254740993", "1.10", "0.1234567891", "{K=1, l=null}", '{"x":[1.50,true,null]}'],
        [None] * 6,
        [None] * 6,
        [None, None, None, None, None, "text"],
    ]


def test_openx_json_can_tell_capitals_apart(client: Client) -> None:
    serde = f"{OPENX} WITH SERDEPROPERTIES ('case.insensitive'='false', 'mapping.upper'='A')"
    table(client, "a int, upper int", serde, {"a": '{"a": 1, "A": 2}\n'})
    assert client.rows("SELECT a, upper FROM t") == [["1", "2"]]


@pytest.mark.parametrize("form", [OPENX, HIVE_JSON])
def test_malformed_json_is_an_error_with_its_place(client: Client, form: str) -> None:
    table(client, "a int", form, {"a.json": '{"a": 1}\n{"a": \n'})
    said = client.fails("SELECT a FROM t")
    assert said.startswith("HIVE_CURSOR_ERROR: Row is not a valid JSON Object")
    assert f"s3://readers/{client.database}/t/a.json line 2" in said


def test_json_has_moments_dates_and_binaries(client: Client) -> None:
    table(
        client,
        "ts timestamp, d date, b binary, f boolean",
        OPENX,
        {"a": '{"ts": "2024-01-31 10:00:00.5", "d": "2024-01-31", "b": "AP8=", "f": "true"}\n{"ts": 1706695200000}\n'},
    )
    assert client.rows("SELECT * FROM t") == [
        ["2024-01-31 10:00:00.500", "2024-01-31", "00 ff", "true"],
        ["2024-01-31 10:00:00.000", None, None, None],
    ]


def test_a_pattern_takes_lines_apart(client: Client) -> None:
    serde = "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('input.regex'='{}')"
    table(client, "host string, status int", serde.format("^(\\\\S+) - ([0-9]+)$"), {"a": "h1 - 200\nother\n"})
    assert client.rows("SELECT * FROM t") == [["h1", "200"], [None, None]]
    client.rows("DROP TABLE t")
    table(client, "a string, b string", serde.format("(.*)"), {})
    assert "1 groups in input.regex, 2 columns" in client.fails("SELECT * FROM t")


def test_grok_takes_lines_apart(client: Client) -> None:
    serde = (
        "ROW FORMAT SERDE 'com.amazonaws.glue.serde.GrokSerDe' WITH SERDEPROPERTIES ("
        "'input.grokCustomPatterns'='CODE [A-Z]{2}[0-9]+', "
        "'input.format'='%{TIMESTAMP_ISO8601:at} %{LOGLEVEL:level} \\\\[%{CODE:code}\\\\] %{IP:ip} "
        "%{GREEDYDATA:message}')"
    )
    table(
        client, "at string, level string, code string, ip string, message string", serde,
        {"a.log": "2024-01-31T10:00:00Z WARN [AB12] 10.0.0.1 it is: late\nother\n"},
    )  # fmt: skip
    assert client.rows("SELECT * FROM t") == [
        ["2024-01-31T10:00:00Z", "WARN", "AB12", "10.0.0.1", "it is: late"], [None] * 5,
    ]  # fmt: skip


@pytest.mark.slow
def test_cloudtrail_records_are_rows(client: Client) -> None:
    records = [
        {"eventName": "GetObject", "userIdentity": {"type": "Root", "sessionContext": {"a": "b"}},
         "requestParameters": {"x": 1}, "resources": [{"ARN": "arn:1", "accountId": "1"}]},
        {"eventName": "PutObject"},
    ]  # fmt: skip
    table(
        client,
        "eventname string, useridentity struct<type:string>, requestparameters string, "
        "resources array<struct<arn:string,accountid:string>>",
        "ROW FORMAT SERDE 'com.amazon.emr.hive.serde.CloudTrailSerde' STORED AS INPUTFORMAT "
        "'com.amazon.emr.cloudtrail.CloudTrailInputFormat' OUTPUTFORMAT "
        "'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'",
        {"a.json.gz": gzip.compress(json.dumps({"Records": records}).encode())},
    )
    assert client.rows(
        "SELECT eventname, useridentity.type, requestparameters, resources[1].arn FROM t ORDER BY eventname LIMIT 1"
    ) == [["GetObject", "Root", '{"x":1}', "arn:1"]]
    assert client.rows("SELECT count(*) FROM t") == [["2"]]


def _snappy_blocks(text: bytes) -> bytes:
    packed = pa.Codec("snappy").compress(text, asbytes=True)
    return len(text).to_bytes(4, "big") + len(packed).to_bytes(4, "big") + packed


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        ("gz", lambda text: gzip.compress(text[:4]) + gzip.compress(text[4:])),
        ("bz2", lambda text: bz2.compress(text[:4]) + bz2.compress(text[4:])),
        ("zst", lambda text: zstandard.compress(text[:4]) + zstandard.compress(text[4:])),
        ("deflate", zlib.compress),
        ("snappy", lambda text: _snappy_blocks(text[:4]) + _snappy_blocks(text[4:])),
    ],
)
def test_compressed_text_is_read_to_its_end(client: Client, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    form = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
    table(client, "a int, b string", form, {f"a.csv.{suffix}": pack(b"1,x\n2,y\n")})
    assert client.rows("SELECT * FROM t") == [["1", "x"], ["2", "y"]]
    client.ctx.client("s3").put_object(Bucket="readers", Key=f"{client.database}/t/b.{suffix}", Body=b"no such thing")
    said = client.fails("SELECT * FROM t")
    assert said.startswith("HIVE_CURSOR_ERROR: Failed to read file at")
    assert f"t/b.{suffix}" in said


def _parquet(rows: dict[str, Any]) -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.table(rows), body)
    return body.getvalue()


def test_parquet_columns_are_found_whatever_their_capitals_and_widened(client: Client) -> None:
    inner = pa.array([{"Deep": 1, "x": "y"}], pa.struct([("Deep", pa.int32()), ("x", pa.string())]))
    files = {
        "a": _parquet({"ID": pa.array([1], pa.int32()), "S": inner}),
        "b": _parquet({"id": pa.array([2], pa.int64()), "at": pa.array([0], pa.timestamp("ns"))}),
        "c": _parquet({"id": pa.array([3], pa.int32())}),
    }
    table(client, "id bigint, s struct<x:string,deep:int>, at timestamp", "STORED AS PARQUET", files)
    assert client.rows("SELECT id, s.deep, s.x, at FROM t ORDER BY id") == [
        ["1", "1", "y", None], ["2", None, None, "1970-01-01 00:00:00.000"], ["3", None, None, None],
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["PARQUET", "ORC"])
def test_fields_inside_of_lists_and_maps_are_found_whatever_their_capitals(client: Client, form: str) -> None:
    kind = pa.struct([("Deep", pa.int32()), ("X", pa.list_(pa.struct([("Y", pa.string())])))])
    value = {"Deep": 1, "X": [{"Y": "y"}, None]}
    rows = pa.table({
        "l": pa.array([None, [value, None], []], pa.list_(kind)),
        "m": pa.array([[("k", value), ("n", None)], None, []], pa.map_(pa.string(), kind)),
    })  # fmt: skip
    body = io.BytesIO()
    (pq.write_table if form == "PARQUET" else orc.write_table)(rows, body)
    inner = "struct<x:array<struct<y:string>>,deep:bigint>"
    table(client, f"l array<{inner}>, m map<string,{inner}>", f"STORED AS {form}", {"a": body.getvalue()})
    found = client.rows("SELECT l IS NULL, m IS NULL, cardinality(l), cardinality(m) FROM t")
    assert found == [
        ["true", "false", None, "2"], ["false", "true", "2", None], ["false", "false", "0", "0"],
    ]  # fmt: skip
    assert client.rows("SELECT l[1].deep, l[1].x[1].y FROM t WHERE cardinality(l) = 2") == [["1", "y"]]
    assert client.rows("SELECT m['k'].deep, m['k'].x[1].y FROM t WHERE cardinality(m) = 2") == [["1", "y"]]


def test_what_a_query_does_not_read_cannot_refuse_it(client: Client) -> None:
    table(
        client,
        "id int, bad date, s struct<a:int>, b binary",
        "STORED AS PARQUET",
        {"a": _parquet({"id": pa.array([1], pa.int32()), "bad": ["x"], "s": [1], "b": [1.5]})},
    )
    assert client.rows("SELECT id FROM t") == [["1"]]
    assert client.rows("SELECT count(*) FROM t") == [["1"]]
    assert "bad's type string in file" in client.fails("SELECT bad FROM t")
