"""FIFO batch of wake-ups → one commit per dataset named; a sweep wakes every dataset that has something staged."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from sluice.ingestion.commit import Lake, TooEarly, drain
from sluice.ingestion.commit_stream import drain_stream
from sluice.ingestion.retry import give_back, postpone
from sluice.ingestion.stage import staging_prefix
from sluice.ingestion.wake import commit_pace, wake
from sluice.ledger import Ledger
from sluice.project import deployed_project
from sluice.settings import Settings, settings_from_environment
from sluice.storage import S3Store, client
from sluice.tables.catalog import glue_catalog

log = logging.getLogger(__name__)
for name in (__name__, "sluice"):
    logging.getLogger(name).setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Drain each dataset that the batch names; one that fails, or whose turn is later, takes its own messages back."""
    settings = settings_from_environment()
    failed: list[str] = []
    early: dict[str, float] = {}
    messages: dict[str, list[str]] = {}
    for record in event["Records"]:
        body = json.loads(record["body"])
        if (seconds := body.get("notBefore", 0.0) - time.time()) > 0:
            early[record["messageId"]] = seconds
        else:
            messages.setdefault(body["dataset"], []).append(record["messageId"])
    for dataset, references in messages.items():
        try:
            if dataset == "*":
                _sweep(settings, occasion=references[0])
            else:
                _drain(settings, dataset)
        except TooEarly as wait:
            log.info("%s: %s", dataset, wait)
            early |= dict.fromkeys(references, wait.seconds)
        except Exception:
            log.exception("%s could not be committed; what is staged stays", dataset)
            failed += references
    postpone(settings.commit_queue_url, event["Records"], early)
    answer = give_back(settings.commit_queue_url, event["Records"], failed)
    answer["batchItemFailures"] += [{"itemIdentifier": reference} for reference in early]
    return answer


def _drain(settings: Settings, dataset: str) -> None:
    contract = deployed_project().landing(dataset)
    if contract is None:
        raise LookupError(f"{dataset!r} names no dataset")
    assert contract.arrival is not None
    lake, ledger = Lake(glue_catalog(), S3Store(), settings), Ledger(settings.ledger_table)

    def announce(changed: Mapping[str, int]) -> None:
        _announce(settings, changed)

    if contract.arrival.stream:
        drained = drain_stream(contract, lake, record=ledger.record_shards, announce=announce)
    else:
        drained = drain(contract, lake, record=ledger.record, announce=announce, pace=commit_pace(contract))
    log.info("%s: %d deliveries, changed %s", dataset, len(drained.deliveries), dict(drained.changed))


def _announce(settings: Settings, changed: Mapping[str, int]) -> None:
    """Say which tables changed; the refresh workflow listens."""
    if changed:
        entries = [
            {
                "Source": "sluice",
                "DetailType": "TableChanged",
                "EventBusName": settings.event_bus,
                "Detail": json.dumps({"table": table, "snapshot": str(snapshot)}),
            }
            for table, snapshot in changed.items()
        ]
        answer = client("events").put_events(Entries=entries)
        if answer["FailedEntryCount"]:
            raise OSError(f"EventBridge refused {answer['FailedEntryCount']} events: {answer['Entries']}")


def _sweep(settings: Settings, *, occasion: str) -> None:
    """Wake each dataset that has something staged: a wake-up may have been lost."""
    store = S3Store()
    for contract in deployed_project().contracts:
        if not contract.derived and store.list(staging_prefix(settings.lake, contract.name)):
            wake(settings, contract.name, occasion)
