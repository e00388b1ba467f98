"""What stands still because something died is taken up again; what fails by itself waits longer each time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from sluice import pace, pace_items
from sluice.errors import DeliveryError, SluiceError
from sluice.ingestion import failed_batches, sweep, wake
from sluice.ingestion.dead_letters import event_for, read_letter
from sluice.ingestion.landing import Notice
from sluice.ingestion.retry import doubled
from sluice.settings import Settings
from tests.sluice.ingestion.test_stream import CLICKS
from tests.sluice.small_dynamodb import SmallDynamoDb

NOW = 1_800_000_000.0
SETTINGS = Settings(
    lake_bucket="lake",
    commit_queue_url="commit",
    landing_dead_letters_url="landing-dead",
    commit_dead_letters_url="commit-dead",
    refresh_dead_letters_url="refresh-dead",
    ingest_alone_function="alone",
    refresh_machine="machine",
)
DATASETS = {name: msgspec.structs.replace(CLICKS, name=name) for name in ("orders", "clicks")}
NOTICE = Notice("landing", "orders/a b+ü.csv", "v1", 10)
S3_EVENT = json.dumps(
    {"detail": {"bucket": {"name": "landing"}, "object": {"key": NOTICE.key, "size": 10, "version-id": "v1"}}}
)


def record(kind: str, message: str = "", *, rounds: int = 0) -> str:
    """Return what Lambda keeps of an asynchronous call that failed to the end."""
    return json.dumps(
        {
            "version": "1.0",
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": json.loads(event_for(NOTICE, rounds=rounds)),
            "responsePayload": {"errorType": kind, "errorMessage": message},
        }
    )


class Cloud:
    """The few calls that a sweep makes; ``broken`` services answer with an error."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[str, tuple[str, float]]] = {
            name: {} for name in ("landing-dead", "commit-dead", "refresh-dead")
        }
        self.ledger = SmallDynamoDb()
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.executions: list[dict[str, Any]] = []
        self.invoked: list[tuple[str, str, dict[str, Any]]] = []
        self.woken: list[str] = []
        self.released: list[str] = []
        self.started = 0
        self.answer: dict[str, Any] | None = None
        self.broken: set[str] = set()
        #: Errors by the function that is called, and by the key of the file that it is called for.
        self.refused: dict[str, Exception] = {}
        self.refused_keys: dict[str, Exception] = {}

    def client(self, service: str, *, patient: bool = False) -> Any:
        if service in self.broken:
            raise OSError(f"{service} is down")
        return self.ledger if service == "dynamodb" else self

    def put(self, queue: str, body: str, *, age: float = 0.0) -> None:
        self.queues[queue][f"m{len(self.queues[queue])}"] = (body, NOW - age)

    def receive_message(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {
            "Messages": [
                {
                    "MessageId": name,
                    "ReceiptHandle": name,
                    "Body": body,
                    "Attributes": {"SentTimestamp": str(int(at * 1000))},
                }
                for name, (body, at) in self.queues[QueueUrl].items()
            ]
        }

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        del self.queues[QueueUrl][ReceiptHandle]

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:  # noqa: N803
        assert VisibilityTimeout == 0
        self.released.append(ReceiptHandle)

    def send_message(self, *, MessageGroupId: str, **_: Any) -> None:  # noqa: N803
        self.woken.append(MessageGroupId)

    def get_paginator(self, _: str) -> Cloud:
        return self

    def paginate(self, *, Prefix: str, Delimiter: str = "", **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        names = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            folders = sorted({Prefix + name.removeprefix(Prefix).split("/")[0] + "/" for name in names})
            return [{"CommonPrefixes": [{"Prefix": folder} for folder in folders]}]
        return [
            {"Contents": [{"Key": n, "LastModified": datetime.fromtimestamp(self.objects[n][1], UTC)} for n in names]}
        ]

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key][0])}

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        self.objects[Key] = (Body, NOW)

    def delete_object(self, *, Key: str, **_: Any) -> None:  # noqa: N803
        del self.objects[Key]

    def invoke(self, *, FunctionName: str, Payload: bytes, InvocationType: str = "") -> dict[str, Any]:  # noqa: N803
        key = json.loads(Payload).get("notice", {}).get("key", "")
        if error := self.refused.get(FunctionName) or self.refused_keys.get(key):
            raise error
        self.invoked.append((FunctionName, InvocationType, json.loads(Payload)))
        if self.answer is None:
            return {}
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(self.answer).encode())}

    def list_executions(self, **_: Any) -> dict[str, Any]:
        return {"executions": list(self.executions)}

    def describe_execution(self, *, executionArn: int) -> dict[str, Any]:  # noqa: N803
        return self.executions[executionArn]

    def start_execution(self, **_: Any) -> None:
        self.started += 1

    def ran(self, status: str, error: str = "", *, ago: float = 0.0) -> None:
        ended = datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=ago)
        # Started the other way round: who began last ended first.
        began = datetime.fromtimestamp(NOW - 10_000 + len(self.executions), UTC)
        execution = {"status": status, "error": error, "startDate": began, "stopDate": ended}
        self.executions.append({**execution, "executionArn": len(self.executions)})


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    found = Cloud()
    for module in (sweep, failed_batches, wake, pace, pace_items):
        monkeypatch.setattr(module, "client", found.client)
    return found


@pytest.fixture
def run(cloud: Cloud) -> Callable[[], dict[str, int]]:
    return lambda: sweep.Sweep(SETTINGS, "minute 1", DATASETS, time_left=lambda: 120.0, now=lambda: NOW).run()


def test_with_nothing_to_do_nothing_is_done(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    assert run() == {}
    assert not cloud.invoked


def test_what_is_staged_is_woken_once_a_dataset(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    for name in ("orders/a.json", "orders/b.parquet", "clicks/c.json", "orphans/d.parquet", "removed/e.json"):
        cloud.objects[f"staging/{name}"] = (b"", NOW)
    assert run() == {"woken": 2}
    assert cloud.woken == ["clicks", "orders"]


def test_a_delivery_to_retract_has_its_dataset_committed_now(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    cloud.objects = {"staging/orders/a.json": (b"", NOW), "retractions/clicks/c.json": (b"", NOW)}
    cloud.objects["retractions/orders/d.json.refused"] = (b"", NOW)
    assert run() == {"woken": 2}
    assert cloud.woken == ["clicks.now", "orders"]


def test_a_message_that_deaths_brought_to_the_dead_letters_is_read_alone(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    cloud.put("landing-dead", S3_EVENT)
    assert run() == {"files": 1}
    ((function, how, event),) = cloud.invoked
    assert (function, how) == ("alone", "Event")
    assert event["notice"] == {"bucket": "landing", "key": NOTICE.key, "version_id": "v1", "size": 10}
    assert not cloud.queues["landing-dead"]


@pytest.mark.parametrize("kind", ["Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout"])
def test_a_file_that_kills_every_reader_is_quarantined_unread(
    cloud: Cloud, run: Callable[[], dict[str, int]], kind: str
) -> None:
    cloud.put("landing-dead", record(kind, "signal: killed"))
    assert run() == {"files": 1}, "one death of which Lambda tells may be chance"
    assert cloud.invoked[-1][2]["round"] == 1
    cloud.put("landing-dead", record(kind, "signal: killed", rounds=1))
    assert run() == {"quarantined": 1}
    assert "signal: killed" in cloud.invoked[-1][2]["unread"]


def test_no_file_is_blamed_while_its_reader_does_not_even_start(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    cloud.answer = {"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}
    for number in range(3):
        cloud.put("landing-dead", record("Runtime.ExitError", f"{number}", rounds=5))
    assert run() == {}
    assert len(cloud.queues["landing-dead"]) == 3
    assert [event for _, _, event in cloud.invoked] == [{"are_you_well": True}]


def test_a_file_that_fails_for_another_reason_is_tried_later_each_time_and_then_waits_for_people(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    waits = []
    for rounds in range(6):
        for age in (0, 130, 610, 3700, 4 * 3600 + 1, 13 * 3600, 14 * 86_400):
            cloud.queues["landing-dead"].clear()
            cloud.put("landing-dead", record("ClientError", "AccessDenied", rounds=rounds), age=age)
            if run():
                waits.append(age)
                assert cloud.invoked[-1][2]["round"] == rounds + 1
                assert "unread" not in cloud.invoked[-1][2]
                break
    assert waits == [130, 610, 3700, 4 * 3600 + 1, 13 * 3600]
    assert len(cloud.queues["landing-dead"]) == 1


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"detail":{}}', '{"requestPayload":{}}', "null", "1"])
def test_a_letter_of_no_file_stays_and_stops_no_other(
    cloud: Cloud, run: Callable[[], dict[str, int]], body: str
) -> None:
    with pytest.raises(DeliveryError):
        read_letter(body, NOW)
    cloud.put("landing-dead", body)
    cloud.put("landing-dead", S3_EVENT)
    assert run() == {"files": 1}
    assert [left for left, _ in cloud.queues["landing-dead"].values()] == [body]
    assert cloud.released == ["m0"], "people look at it, too"


def test_dead_wake_ups_go(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    cloud.put("commit-dead", json.dumps({"dataset": "orders"}))
    assert run() == {"wake_ups": 1}
    assert not cloud.queues["commit-dead"]


def kept(cloud: Cloud, records: int, *, age: float = 60.0, **more: Any) -> None:
    payload = json.dumps({"Records": [{"n": number} for number in range(records)]})
    body = {"requestContext": {"functionArn": "ingest"}, "payload": payload, **more}
    cloud.objects["aws/lambda/m/shard/one"] = (json.dumps(body).encode(), NOW - age)


def test_a_failed_batch_is_handed_in_again(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    kept(cloud, 3)
    assert run() == {"batches": 1}
    assert len(cloud.invoked[0][2]["Records"]) == 3
    assert not cloud.objects


def test_a_batch_that_kills_is_halved_until_the_record_to_blame_is_alone_and_kept_unread(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    kept(cloud, 9)
    arrived: list[int] = []
    unread: list[int] = []

    def invoke(*, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        event = json.loads(Payload)
        numbers = [each["n"] for each in event["Records"]]
        if event.get("unread"):
            unread.extend(numbers)
        elif 5 in numbers:
            error = {"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        else:
            arrived.extend(numbers)
        return {}

    cloud.invoke = invoke  # type: ignore[method-assign]
    for _ in range(40):
        run()
        for key, (body, _) in cloud.objects.items():
            cloud.objects[key] = (body, NOW - 60)
    assert not cloud.objects
    assert sorted(arrived) == [0, 1, 2, 3, 4, 6, 7, 8]
    assert unread == [5]


def test_a_try_is_noted_before_it_is_made(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    """The sweep may die of waiting for its answer; the next one must know of the try."""
    kept(cloud, 2)

    def invoke(**_: Any) -> dict[str, Any]:
        (body, _at) = cloud.objects["aws/lambda/m/shard/one"]
        assert json.loads(body)["deaths"] == 1
        raise ReadTimeoutError(endpoint_url="lambda")

    cloud.invoke = invoke  # type: ignore[method-assign]
    with pytest.raises(SluiceError, match="ReadTimeoutError"):
        run()
    assert noted(cloud) == (1, 1), "it may have died of the batch"


def noted(cloud: Cloud, key: str = "aws/lambda/m/shard/one") -> tuple[int, int]:
    """Return failures and deaths that are noted of a batch."""
    body = json.loads(cloud.objects[key][0])
    return body["failures"], body["deaths"]


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


@pytest.mark.parametrize(
    "refused",
    [
        *map(refusal, ("TooManyRequestsException", "AccessDeniedException", "ResourceNotFoundException")),
        *map(refusal, ("ServiceException", "RequestEntityTooLargeException", "KMSDisabledException")),
        ConnectTimeoutError(endpoint_url="lambda"),
        EndpointConnectionError(endpoint_url="lambda"),
        ConnectionClosedError(endpoint_url="lambda"),
    ],
    ids=str,
)
def test_a_call_that_was_never_taken_is_no_death_however_often_it_is_made(
    cloud: Cloud, run: Callable[[], dict[str, int]], refused: Exception
) -> None:
    kept(cloud, 1)
    pauses = [doubled(45.0, 3600.0, failures) for failures in range(8)]
    asked: list[dict[str, Any]] = []

    def invoke(*, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        asked.append(json.loads(Payload))
        raise refused

    cloud.invoke = invoke  # type: ignore[method-assign]
    for tries, pause in enumerate(pauses):
        for age, called in ((pause - 1, tries), (pause, tries + 1)):
            cloud.objects["aws/lambda/m/shard/one"] = (cloud.objects["aws/lambda/m/shard/one"][0], NOW - age)
            with suppress(SluiceError):
                run()
            assert len(asked) == called, "pauses grow"
        assert noted(cloud) == (tries + 1, 0)
    assert not any("unread" in event for event in asked)


@pytest.mark.parametrize("deaths", [1, 2, 4])
def test_a_call_that_was_never_taken_leaves_the_deaths_before_it(
    cloud: Cloud, run: Callable[[], dict[str, int]], deaths: int
) -> None:
    kept(cloud, 1, failures=deaths, deaths=deaths)
    cloud.refused = {"ingest": refusal("TooManyRequestsException")}
    with pytest.raises(SluiceError, match="TooManyRequestsException"):
        run()
    assert noted(cloud) == (deaths + 1, deaths)


def test_one_batch_that_cannot_be_handed_in_stops_no_other(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    kept(cloud, 1)
    sound, _ = cloud.objects.pop("aws/lambda/m/shard/one")
    removed = sound.replace(b'"ingest"', b'"removed"')
    broken = (b"", b"no json", b"[]", b"{}", b"1", b'{"payload": "{}"}', b'{"payload": 1}', b"\xff", removed, removed)
    cloud.refused = {"removed": refusal("ResourceNotFoundException")}
    for number, body in enumerate((*broken, sound, sound)):
        cloud.objects[f"aws/lambda/{number:02}"] = (body, NOW - 100 + number)
    with pytest.raises(SluiceError) as caught:
        run()
    assert sorted(cloud.objects) == [f"aws/lambda/{number:02}" for number in range(len(broken))]
    assert [function for function, _, _ in cloud.invoked].count("ingest") == 2
    said = str(caught.value)
    assert "aws/lambda/00" in said
    assert f"and {len(broken) - 5} more" in said
    assert len(said) < 3000, "however many there are"


def test_a_batch_that_waited_longer_comes_first(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    kept(cloud, 1)
    sound, _ = cloud.objects.pop("aws/lambda/m/shard/one")
    for number, age in enumerate((50, 70, 60)):
        cloud.objects[f"aws/lambda/{number}"] = (sound.replace(b"ingest", f"ingest{number}".encode()), NOW - age)
    run()
    assert [function for function, _, _ in cloud.invoked] == ["ingest1", "ingest2", "ingest0"]


@pytest.mark.parametrize("deaths", [0, 5])
def test_a_batch_is_not_larger_than_lambda_made_it(
    cloud: Cloud, run: Callable[[], dict[str, int]], deaths: int
) -> None:
    payload = json.dumps({"Records": [{"n": "é" * 100, "data": [1] * 500}]}, separators=(",", ":"), ensure_ascii=False)
    kept(cloud, 1, deaths=deaths, failures=deaths)
    body = json.loads(cloud.objects["aws/lambda/m/shard/one"][0]) | {"payload": payload, "error": ""}
    cloud.objects["aws/lambda/m/shard/one"] = (json.dumps(body).encode(), NOW - 60)
    sizes: list[int] = []

    def invoke(*, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        sizes.append(len(Payload))
        return {}

    cloud.invoke = invoke  # type: ignore[method-assign]
    assert run() == {"batches": 1}
    assert sizes[0] <= len(payload.encode()) + (100 if deaths else 0)


def test_one_letter_whose_call_fails_stops_no_other(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    first = json.loads(S3_EVENT)
    first["detail"]["object"]["key"] = "orders/first.csv"
    cloud.put("landing-dead", json.dumps(first))
    cloud.put("landing-dead", S3_EVENT)
    cloud.refused_keys = {"orders/first.csv": refusal("TooManyRequestsException")}
    with pytest.raises(SluiceError, match=r"retry_files m0: ClientError: .*TooManyRequestsException"):
        run()
    assert [event["notice"]["key"] for _, _, event in cloud.invoked] == [NOTICE.key]
    assert list(cloud.queues["landing-dead"]) == ["m0"]
    assert cloud.released == ["m0"]


def test_no_letter_waits_for_a_reader_of_which_nobody_knows_whether_it_starts(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    for number in range(3):
        cloud.put("landing-dead", record("Runtime.ExitError", f"{number}", rounds=5))
    cloud.put("landing-dead", S3_EVENT)
    cloud.refused_keys = {"": ReadTimeoutError(endpoint_url="lambda")}
    with pytest.raises(SluiceError, match="ReadTimeoutError") as caught:
        run()
    assert str(caught.value).count("ReadTimeoutError") == 1, "it is asked once"
    assert len(cloud.queues["landing-dead"]) == 3
    assert len(cloud.invoked) == 1


def test_one_dataset_that_cannot_be_woken_stops_no_other(
    cloud: Cloud, run: Callable[[], dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("orders/a.json", "clicks/c.json"):
        cloud.objects[f"staging/{name}"] = (b"", NOW)
    sent = cloud.send_message

    def send(*, MessageGroupId: str, **more: Any) -> None:  # noqa: N803
        if MessageGroupId == "clicks":
            raise refusal("KmsThrottled")
        sent(MessageGroupId=MessageGroupId, **more)

    monkeypatch.setattr(cloud, "send_message", send)
    with pytest.raises(SluiceError, match=r"wake_staged clicks: ClientError: .*KmsThrottled"):
        run()
    assert cloud.woken == ["orders"]


def test_a_batch_that_fails_for_another_reason_waits_longer_each_time(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    kept(cloud, 2, failures=3, age=60.0)
    assert run() == {}
    assert not cloud.invoked
    kept(cloud, 2, failures=3, age=400.0)
    cloud.answer = {"errorType": "ClientError", "errorMessage": "AccessDenied"}
    assert run() == {}
    (body, _) = cloud.objects["aws/lambda/m/shard/one"]
    assert json.loads(body)["failures"] == 4
    assert json.loads(body)["deaths"] == 0


@pytest.mark.parametrize(
    ("ends", "starts"),
    [
        ([], 0),
        ([("SUCCEEDED", "")], 0),
        ([("FAILED", "RefreshDied")], 1),
        ([("TIMED_OUT", "")], 1),
        ([("FAILED", "RefreshFailed")], 0),
        ([("FAILED", "States.Runtime")], 1),
        ([("ABORTED", "")], 0),
        ([("RUNNING", ""), ("FAILED", "RefreshDied")], 0),
        # One that began later, left its mark and ended at once says nothing of the one that works.
        ([("FAILED", "RefreshDied"), ("SUCCEEDED", "")], 1),
        ([("SUCCEEDED", ""), ("FAILED", "RefreshDied")], 0),
        ([("FAILED", "RefreshDied")] * 3, 1),
        ([("FAILED", "RefreshDied")] * 4, 0),
    ],
)
def test_a_refresh_that_died_is_started_again(
    cloud: Cloud, run: Callable[[], dict[str, int]], ends: list[tuple[str, str]], starts: int
) -> None:
    for number, (status, error) in enumerate(ends):
        cloud.ran(status, error, ago=number * 10.0)
    run()
    assert cloud.started == starts


def test_a_refresh_whose_event_was_never_delivered_is_started_once_for_all_of_them(
    cloud: Cloud, run: Callable[[], dict[str, int]]
) -> None:
    for table in ("bronze.orders", "bronze.clicks"):
        cloud.put("refresh-dead", json.dumps({"detail-type": "TableChanged", "detail": {"table": table}}))
    assert run() == {"refreshes": 1}
    assert (cloud.started, cloud.queues["refresh-dead"]) == (1, {})
    assert run() == {}


def test_an_event_stays_until_its_refresh_has_started(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    cloud.put("refresh-dead", "{}")
    cloud.broken = {"stepfunctions"}
    with pytest.raises(SluiceError, match="start_lost_refresh: OSError: stepfunctions is down"):
        run()
    assert len(cloud.queues["refresh-dead"]) == 1


def test_one_kinds_trouble_stops_no_other_and_is_said(cloud: Cloud, run: Callable[[], dict[str, int]]) -> None:
    cloud.broken = {"stepfunctions"}
    cloud.put("landing-dead", S3_EVENT)
    with pytest.raises(SluiceError, match="start_refresh: OSError: stepfunctions is down"):
        run()
    assert len(cloud.invoked) == 1
