"""The stream ingestor's events come last, and a topic that is down holds no record back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lambdas.ingest_stream import handler as module
from sluice.contracts import Condition, StreamRule
from sluice.ingestion.rules import watch
from sluice.project import Project
from tests.sluice.ingestion.test_stream import CLICKS, click, record

ODD = StreamRule("odd", "The number is large.", "info", where=(Condition("n", ">", value="5"),))


def test_a_topic_that_is_down_fails_the_batch_after_it_was_staged_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    told: list[list[str]] = []

    class Store:
        def put(self, address: str, body: Any) -> None:
            happened.append(address.rpartition(".")[2])

    def send(settings: Any, events: list[Any]) -> None:
        happened.append("send")
        told.append([event.event_id for event in events])
        if len(told) == 1:
            raise OSError("SNS answers 503")

    monkeypatch.setenv("SLUICE_LAKE_BUCKET", "lake")
    monkeypatch.setattr(module, "S3Store", Store)
    monkeypatch.setattr(module, "deployed_project", lambda: Project((msgspec.structs.replace(CLICKS, rules=(ODD,)),)))
    monkeypatch.setattr(module, "wake_committers", lambda settings, project, units, _: happened.append("wake"))
    monkeypatch.setattr(watch, "send", send)
    event = {"Records": [record(click(1), 1), record(click(9), 2)]}

    with pytest.raises(OSError, match="503"):
        module.handler(event, None)
    assert module.handler(event, None) == {"batchItemFailures": []}

    assert happened == ["parquet", "json", "wake", "send"] * 2
    assert told[0] == told[1]
    assert len(told[0]) == 1
