"""Records come onto a stream whole, in order, and what cannot be put is told."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from sluice.cli.record_files import RecordFile
from sluice.cli.send import MAX_RECORD_BYTES, partition_key, put_records
from sluice.errors import CommandError
from sluice.tables.properties import HEADERS, PARTITION_KEY
from tests.sluice.cli.streams import COLUMNS, Clock, arrived, deployed_streams, run

THROTTLED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}


class Refusing:
    """A client of Kinesis whose calls refuse some of their entries."""

    def __init__(self, *refused: set[int], code: dict[str, str] | None = None) -> None:
        self.refused, self.code = list(refused), code or THROTTLED
        self.calls: list[list[bytes]] = []
        self.taken: list[bytes] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        refused = self.refused.pop(0) if self.refused else set()
        self.calls.append([record["Data"] for record in Records])
        self.taken += [record["Data"] for at, record in enumerate(Records) if at not in refused]
        return {"Records": [self.code if at in refused else {"SequenceNumber": "1"} for at in range(len(Records))]}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with deployed_streams(monkeypatch, "clicks", "orders") as kinesis:
        yield kinesis


def test_calls_hold_500_records_or_5_mebibytes(clock: Clock) -> None:
    client = Refusing()
    records = [("k", b"%d" % at) for at in range(1_100)] + [("k", bytes(1 << 20))] * 7
    sent = put_records(client, "s", records, sleep=clock.sleep, clock=clock)
    assert [len(call) for call in client.calls] == [500, 500, 104, 3]
    assert client.taken == [data for _, data in records]
    assert (sent.records, sent.retries) == (1_107, 0)
    assert sent.bytes == sum(len(data) for _, data in records)


def test_only_what_was_refused_is_tried_again_and_before_all_that_follows(clock: Clock) -> None:
    client = Refusing({1, 3}, {0})
    records = [("k", b"%d" % at) for at in range(502)]
    counts: list[int] = []
    sent = put_records(client, "s", records, None, counts.append, sleep=clock.sleep, clock=clock)
    assert client.calls[1:] == [[b"1", b"3"], [b"1"], [b"500", b"501"]]
    assert sorted(client.taken) == sorted(data for _, data in records)
    assert (sent.records, sent.retries, counts) == (502, 3, [500, 2])
    assert clock.now > 0


def test_a_stream_that_takes_nothing_is_given_up_and_what_got_through_is_told(clock: Clock) -> None:
    client = Refusing(set(), *[{0}] * 1_000)
    with pytest.raises(CommandError, match="has accepted no record for 120 s: slow down") as error:
        put_records(client, "s", [("k", b"1")] * 501, sleep=clock.sleep, clock=clock)
    assert error.value.safe == "500 records on the stream."


def test_an_entry_that_no_retry_can_mend_ends_it(clock: Clock) -> None:
    client = Refusing({0}, code={"ErrorCode": "KMSDisabledException", "ErrorMessage": "the key is off"})
    with pytest.raises(CommandError, match="KMSDisabledException: the key is off"):
        put_records(client, "s", [("k", b"1")], sleep=clock.sleep, clock=clock)


def test_a_rate_is_kept(clock: Clock) -> None:
    client = Refusing()
    put_records(client, "s", [("k", b"1")] * 1_000, 200, sleep=clock.sleep, clock=clock)
    assert {len(call) for call in client.calls} == {20}
    assert clock.now == pytest.approx(1_000 / 200, rel=0.03)


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"event_id": "a", "note": "b"}, "a"),
        ({"event_id": None, "note": "b"}, "b"),
        ({"event_id": "", "quantity": 7}, "7"),
        ({"op": "d", "before": {"event_id": "x"}, "after": None}, "x"),
        ({"data": {"event_id": "y"}, "metadata": {}}, "y"),
    ],
)
def test_the_key_is_the_first_column_that_the_record_or_its_row_has(record: dict[str, Any], key: str) -> None:
    assert partition_key(json.dumps(record).encode(), [name for name, _ in COLUMNS]) == key


def test_a_record_without_a_key_gets_one_from_its_bytes() -> None:
    keys = [partition_key(data, ["a"]) for data in (b"{", b"{", b"null", b'{"a":"' + b"x" * 300 + b'"}', b"\xff")]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.ndjson", '\ufeff{"a": 1.10}\n\n{"b":"ä"} \r\n{broken', ['{"a": 1.10}', '{"b":"ä"} ', "{broken"]),
        ("a.json", '[{"a": 1.10},\n {\n"b": 2}, 3]', ['{"a": 1.10}', '{"b": 2}', "3"]),
        ("a.json", '{"a":\n 1.10}\n{"b":2}{"c":3}\n', ['{"a": 1.10}', '{"b":2}', '{"c":3}']),
        (
            "a.csv",
            'event_id,quantity,price,note\n1,2,3.10,"say ""hi"", \nyou"\n,007,-1e3,\nx,1_0,.5,5\n',
            [
                '{"event_id":"1","quantity":2,"price":3.10,"note":"say \\"hi\\", \\nyou"}',
                '{"event_id":null,"quantity":"007","price":-1e3,"note":null}',
                '{"event_id":"x","quantity":"1_0","price":".5","note":"5"}',
            ],
        ),
        ("a.csv", "event_id;price\nä,1;2\n", ['{"event_id":"ä,1","price":2}']),
        ("a.tsv", "event_id\tprice\r\nä\t2\r\n", ['{"event_id":"ä","price":2}']),
        ("a.csv", "", []),
    ],
)
def test_files_become_records(tmp_path: Path, name: str, content: str, expected: list[str], packed: bool) -> None:
    path = tmp_path / (name + ".gz" if packed else name)
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    file = RecordFile(path, dict(COLUMNS))
    assert [record.data.decode() for record in file.records()] == expected
    assert file.position == file.size


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'[{"a":1},'),
        ("a.json", b'{"a":1}{"b"'),
        ("a.csv", b'a,b\n1,"2'),
        ("a.csv", b"a\n\xff\n"),
        ("a.ndjson.gz", gzip.compress(b'{"a":1}\n' * 99, mtime=0)[:-9]),
        ("a.ndjson.gz", b"{}"),
    ],
)
def test_a_file_that_ends_in_the_middle_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError, match=f"{name} cannot be read further"):
        list(RecordFile(tmp_path / name, {}).records())


def test_a_file_of_another_kind_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    with pytest.raises(CommandError, match="ending of a format that can be sent"):
        RecordFile(tmp_path / "a.parquet", {})
    with pytest.raises(CommandError, match="There is no file"):
        RecordFile(tmp_path / "a.csv", {})


@pytest.mark.slow
def test_send_puts_a_file_on_the_stream_of_its_dataset(aws: Any, tmp_path: Path) -> None:
    lines = [json.dumps({"event_id": f"e{at}", "quantity": at}) for at in range(1_200)]
    (tmp_path / "a.ndjson").write_text("\n".join(lines) + "\n")
    ended = run("send", "clicks", tmp_path / "a.ndjson")
    assert ended.exit_code == 0, ended.output
    assert "clicks: 1,200 records, 0.0 MB" in ended.output
    assert "0 retries" in ended.output
    assert arrived(aws, "dev_clicks") == [(f"e{at}", line.encode()) for at, line in enumerate(lines)]


@pytest.mark.slow
def test_rows_of_csv_are_numbers_where_the_table_says_so_and_a_key_can_be_chosen(aws: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("event_id,price,note\n1,2.50,3\n")
    assert run("send", "orders", tmp_path / "a.csv", "--key", "note").exit_code == 0
    assert arrived(aws, "dev_orders") == [("3", b'{"event_id":"1","price":2.50,"note":"3"}')]


@pytest.fixture
def renamed(aws: Any) -> Any:
    """Return the stream of orders after its contract gave two columns other names in records, one to spread them by."""
    table = boto3.client("glue").get_table(DatabaseName="dev_bronze", Name="orders")["Table"]
    told = {HEADERS: json.dumps({"quantity": "Number of items", "note": "Note"}), PARTITION_KEY: "note"}
    boto3.client("glue").update_table(
        DatabaseName="dev_bronze",
        TableInput={"Name": "orders", "StorageDescriptor": table["StorageDescriptor"], "Parameters": told},
    )
    return aws


def test_the_contract_s_own_headers_give_the_numbers_and_the_key(renamed: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("event_id,Number of items,Note\n1,2,gift\n2,3,\n")
    assert run("send", "orders", tmp_path / "a.csv").exit_code == 0
    (given, first), (hashed, second) = arrived(renamed, "dev_orders")
    assert (given, first) == ("gift", b'{"event_id":"1","Number of items":2,"Note":"gift"}')
    assert (len(hashed), second) == (32, b'{"event_id":"2","Number of items":3,"Note":null}')


@pytest.mark.parametrize("key", ["quantity", "Number of items"])
def test_a_key_is_chosen_by_the_column_s_name_or_its_header(renamed: Any, tmp_path: Path, key: str) -> None:
    (tmp_path / "a.ndjson").write_text('{"event_id":"1","Number of items":2}\n')
    assert run("send", "orders", tmp_path / "a.ndjson", "--key", key).exit_code == 0
    assert [found for found, _ in arrived(renamed, "dev_orders")] == ["2"]


def test_what_is_too_long_is_refused_by_its_line_and_the_rest_goes_on(aws: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"event_id,note\n1,one\n2,{'x' * MAX_RECORD_BYTES}\n3\n4,four\n")
    ended = run("send", "clicks", path)
    assert ended.exit_code == 1
    assert f"{path}:3 has 1,048," in ended.output
    assert f"{path}:4 has 1 fields where the header has 2" in ended.output
    assert "refused and not sent: 2 records" in ended.output
    assert [key for key, _ in arrived(aws, "dev_clicks")] == ["1", "4"]


@pytest.mark.slow
def test_a_missing_stream_names_those_there_are(aws: Any, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text("{}\n")
    ended = run("send", "visits", tmp_path / "a.ndjson")
    assert ended.exit_code == 1
    assert "There is no stream dev_visits; the existing ones: dev_clicks, dev_orders." in str(ended.exception)
    with pytest.raises(CommandError, match="There is no stream gone; the existing ones: dev_clicks"):
        put_records(aws, "gone", [("k", b"1")])


def test_a_stream_without_a_table_is_no_dataset(aws: Any, tmp_path: Path) -> None:
    aws.create_stream(StreamName="dev_other", ShardCount=1)
    (tmp_path / "a.ndjson").write_text("{}\n")
    ended = run("send", "other", tmp_path / "a.ndjson")
    assert "The table dev_bronze.other cannot be read" in str(ended.exception)
