"""Puts records on Kinesis streams: the records of a file, or of any other iterable."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from sluice.cli.deployment import Deployment, refused_by_aws
from sluice.cli.record_files import RecordFile
from sluice.counted import counted
from sluice.errors import CommandError, Unreachable, WrongArgument
from sluice.tables.properties import PARTITION_KEY, headers_of

if TYPE_CHECKING:
    from rich.console import Console

#: Limits of PutRecords: bytes of a record with its key, records and bytes of a call, characters of a partition key.
#: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_RECORD_BYTES = 1 << 20
_CALL_RECORDS, _CALL_BYTES = 500, 5 << 20
_LONGEST_KEY = 256
#: Seconds: the first and the longest wait before a retry, and after how long without a single success it gives up.
_FIRST_WAIT, _LONGEST_WAIT, PATIENCE = 0.05, 5.0, 120.0
#: Calls per second when a rate is given, so that records arrive evenly.
_CALLS_A_SECOND = 10
_TRY_AGAIN = ("ProvisionedThroughputExceededException", "InternalFailure", "LimitExceededException")

Put = tuple[str, bytes]
Progress = Callable[[int], None]


@dataclass
class Sent:
    """Counts of what was put on a stream; ``refused`` describes each record that was not sent."""

    records: int = 0
    bytes: int = 0
    retries: int = 0
    seconds: float = 0.0
    refused: list[str] = field(default_factory=list)

    def line(self, stream: str) -> str:
        """Return the counts as one line of text for ``stream``."""
        speed = self.records / self.seconds if self.seconds else 0.0
        return (
            f"{stream}: {counted(self.records, 'record')}, {self.bytes / 1e6:,.1f} MB, {self.seconds:.1f} s, "
            f"{speed:,.0f} records/s, {counted(self.retries, 'retry', 'retries')}"
        )


def put_records(
    client: Any, stream: str, records: Iterable[Put], rate: float | None = None, progress: Progress | None = None,
    *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic,
) -> Sent:  # fmt: skip
    """Put ``records`` (partition key, data) on ``stream`` in their order, at most ``rate`` records per second.

    Records that Kinesis throttles are retried before later records are sent; ``progress`` is called with the number of
    records of each finished call. Raise ``CommandError`` when Kinesis refuses records for another reason, or takes none
    for ``PATIENCE`` seconds.
    """
    sent, began = Sent(), clock()
    at_once = _CALL_RECORDS if rate is None else max(1, min(_CALL_RECORDS, int(rate / _CALLS_A_SECOND)))
    for call in _calls(records, at_once):
        if rate is not None and (early := began + sent.records / rate - clock()) > 0:
            sleep(early)
        _put_all(client, stream, call, sent, sleep=sleep, clock=clock)
        if progress is not None:
            progress(len(call))
    sent.seconds = clock() - began
    return sent


def _calls(records: Iterable[Put], at_once: int) -> Iterator[list[Put]]:
    call: list[Put] = []
    size = 0
    for key, data in records:
        more = len(key.encode()) + len(data)
        if call and (len(call) == at_once or size + more > _CALL_BYTES):
            yield call
            call, size = [], 0
        call.append((key, data))
        size += more
    if call:
        yield call


def _put_all(
    client: Any, stream: str, call: list[Put], sent: Sent, *, sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> None:  # fmt: skip
    """Put all records of one call; those that Kinesis throttles are retried with growing waits."""
    wait, moved = _FIRST_WAIT, clock()
    while call:
        refused, why = _put(client, stream, call, sent)
        done = len(call) - len(refused)
        sent.records += done
        sent.bytes += sum(len(data) for _, data in call) - sum(len(data) for _, data in refused)
        if done:
            wait, moved = _FIRST_WAIT, clock()
        elif clock() - moved > PATIENCE:
            raise Unreachable(
                f"The stream {stream} has accepted no record for {PATIENCE:.0f} s: {why}",
                safe=f"{counted(sent.records, 'record')} on the stream.",
                next_step="give it more shards or send with a lower --rate.",
                value=stream,
            )
        call = refused
        if call:
            sent.retries += len(call)
            sleep(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, _LONGEST_WAIT)


def _put(client: Any, stream: str, call: list[Put], sent: Sent) -> tuple[list[Put], str]:
    """Put the records once; return those that may be retried, and why they were refused."""
    entries = [{"Data": data, "PartitionKey": key} for key, data in call]
    try:
        answers = client.put_records(StreamName=stream, Records=entries)["Records"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _TRY_AGAIN:
            return call, str(error)
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise missing_stream(client, stream) from error
        raise _failed(stream, sent, str(error)) from error
    except BotoCoreError as error:
        raise _failed(stream, sent, str(error)) from error
    errors = [(at, answer) for at, answer in enumerate(answers) if answer.get("ErrorCode")]
    for _, answer in errors:
        if answer["ErrorCode"] not in _TRY_AGAIN:
            raise _failed(stream, sent, f"{answer['ErrorCode']}: {answer.get('ErrorMessage', '')}")
    return [call[at] for at, _ in errors], str(errors[0][1].get("ErrorMessage", "")) if errors else ""


def _failed(stream: str, sent: Sent, why: str) -> CommandError:
    return CommandError(
        f"Kinesis refuses records of the stream {stream}: {why}",
        safe=f"{counted(sent.records, 'record')} on the stream, and perhaps some of the next {_CALL_RECORDS}.",
        next_step="mend the cause and send again; silver keeps one row per key, so records sent twice count once.",
        value=stream,
    )


def missing_stream(client: Any, stream: str) -> CommandError:
    """Return the error for a stream that does not exist; the message lists the streams that do."""
    pages = client.get_paginator("list_streams").paginate()
    there = sorted(name for page in pages for name in page["StreamNames"])
    return WrongArgument(
        f"There is no stream {stream}; the existing ones: {', '.join(there) or 'none'}.",
        safe="nothing was sent.",
        next_step="name an existing stream, or deploy a contract that has a kinesis server for this one.",
        value=stream,
    )


def require_stream(client: Any, stream: str) -> None:
    """Raise ``CommandError`` unless ``stream`` exists and can be described."""
    try:
        client.describe_stream_summary(StreamName=stream)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise missing_stream(client, stream) from error
        raise refused_by_aws(error)(
            f"The stream {stream} cannot be read: {error}",
            safe="nothing was sent.",
            next_step="check the endpoint, the credentials and who may read the stream, then send again.",
            value=stream,
        ) from error


@dataclass(frozen=True)
class StreamColumns:
    """The columns of a stream's dataset: Glue types by header (the name in records), and headers by column name.

    ``partition_key`` is the column that the contract names for partition keys, or empty.
    """

    types: dict[str, str]
    headers: dict[str, str]
    partition_key: str = ""

    def keys(self, wanted: str | None) -> list[str]:
        """Return the headers to look under for a record's partition key; the first one with a value decides.

        That is one header: of the column ``wanted`` (a name or a header), else of the contract's partition key. When
        neither names a column, all headers are returned.
        """
        column = wanted or self.partition_key
        return [self.headers.get(column, column)] if column else list(self.types)


def stream_columns(glue: Any, database: str, dataset: str) -> StreamColumns:
    """Return the columns of ``dataset``, read from its table in the Glue catalog; ``CommandError`` without a table."""
    try:
        table = glue.get_table(DatabaseName=database, Name=dataset)["Table"]
    except (ClientError, BotoCoreError) as error:
        raise refused_by_aws(error)(
            f"The table {database}.{dataset} cannot be read: {error}",
            safe="nothing was sent.",
            next_step="`sluice status` lists the datasets that are deployed.",
            dataset=dataset,
        ) from error
    properties = table.get("Parameters", {})
    renamed = headers_of(properties)
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    headers = {name: renamed.get(name, name) for name in columns if not name.startswith("_")}
    types = {header: columns[name] for name, header in headers.items()}
    return StreamColumns(types, headers, properties.get(PARTITION_KEY, ""))


def partition_key(data: bytes, headers: Iterable[str]) -> str:
    """Return the first of ``headers`` that the record has, itself or in the row that a change is about.

    A record without one gets a hash of its bytes.
    """
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if isinstance(found, dict):
        rows = [found, *(found.get(name) for name in ("after", "before", "data"))]
        for row in rows:
            if not isinstance(row, dict):
                continue
            for header in headers:
                value = row.get(header)
                if isinstance(value, str | int | float) and 0 < len(str(value)) <= _LONGEST_KEY:
                    return str(value)
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def send_file(
    kinesis: Any, glue: Any, deployment: Deployment, *, dataset: str, path: Path, key: str | None = None,
    rate: float | None = None, refuse: Callable[[str], None], watch: Callable[[RecordFile, int], None],
) -> Sent:  # fmt: skip
    """Put the records of the file ``path`` on the dataset's stream, at most ``rate`` per second.

    ``refuse`` is called with a message for each record that cannot be sent, ``watch`` with the file and the number of
    records of each finished call. The partition key of a record is its value in the column ``key``, else in the
    contract's partition key, else in the first column that has one.
    """
    stream = f"{deployment.settings.database_prefix}{dataset}"
    require_stream(kinesis, stream)
    columns = stream_columns(glue, deployment.settings.database("bronze"), dataset)
    file = RecordFile(path, columns.types)
    keys = columns.keys(key)
    refused: list[str] = []

    def wanted() -> Iterator[Put]:
        for record in file.records():
            found = (partition_key(record.data, keys), record.data)
            size = len(found[0].encode()) + len(record.data)
            wrong = record.wrong or (f"has {size:,} bytes, key included" if size > MAX_RECORD_BYTES else "")
            if wrong:
                refused.append(f"{path}:{record.line} {wrong}")
                refuse(f"{refused[-1]}; a record has at most {MAX_RECORD_BYTES:,}" if not record.wrong else refused[-1])
                continue
            yield found

    sent = put_records(kinesis, stream, wanted(), rate, lambda count: watch(file, count))
    sent.refused = refused
    return sent


@contextmanager
def progress_bar(console: Console, name: str) -> Iterator[Callable[[int, int, int], None]]:
    """Show a progress bar on ``console``; yield the function that advances it.

    The function takes the number of further records, and the progress and total of the bar (for a file, in bytes).
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    records = 0
    bar = Progress(*columns, console=console)
    task = bar.add_task(name, total=None)

    def move(more: int, done: int, total: int) -> None:
        nonlocal records
        records += more
        bar.start()  # at the first call: what fails before has nothing to show
        bar.update(task, completed=done, total=total, description=f"{name}: {records:,} records")

    try:
        yield move
    finally:
        if bar.live.is_started:
            bar.stop()
