"""What the page of `sluice ui` shows, as plain values; docs/reference/ui.md has the keys."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sluice.cli.deployment import Deployment, client
from sluice.cli.status import Status
from sluice.cli.status_output import as_json
from sluice.cli.ui.concerns import Concern, failed, noted, running, waiting
from sluice.ledger import UNKNOWN

#: The kinds of a table's state, by what a derived table's is called.
_KINDS = {
    "up to date": "well",
    "behind": "waits",
    "never made": "waits",
    "failed": "failed",
    "held": "held",
    "no rows yet": "empty",
}


def page_data(status: Status, deployment: Deployment, now: datetime) -> dict[str, Any]:
    """Return what the page shows of a state that was read at ``now`` (UTC)."""
    at, landing = now.timestamp(), deployment.settings.landing_bucket
    lists = {
        "runs": list(running(status)),
        "waits": list(waiting(status, now=at, landing=landing)),
        "failed": list(failed(status, now=at)),
        "notes": list(noted(status)),
    }
    return {
        "name": deployment.name_prefix,
        "environment": deployment.environment,
        **_where(),
        "made": now.isoformat(timespec="seconds"),
        "verdict": _verdict(status, lists),
        **{key: [_plain(each) for each in found] for key, found in lists.items()},
        "graph": _graph(status, {each.of for each in lists["failed"]}, {each.of for each in lists["runs"]}),
        "status": as_json(status),
    }


def _plain(concern: Concern) -> dict[str, Any]:
    return {**asdict(concern), "next": list(concern.next)}


def _where() -> dict[str, Any]:
    """Return region and endpoint that were asked; the endpoint is null at AWS itself.

    Of AWS's names there are too many to know them by: each partition has its own, and others for dual-stack endpoints.
    https://docs.aws.amazon.com/general/latest/gr/rande.html
    """
    asked = client("cloudformation").meta
    given = os.environ.get("AWS_ENDPOINT_URL", "")
    was_given = asked.endpoint_url.rstrip("/") == given.rstrip("/")
    local = was_given or _loopback(urlsplit(asked.endpoint_url).hostname or "")
    return {"region": asked.region_name, "endpoint": asked.endpoint_url if local else None}


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        return host == "localhost" or host.endswith(".localhost")


def _verdict(status: Status, lists: dict[str, list[Concern]]) -> dict[str, str]:
    """Return in a line how it is, and its kind: failed, works, waits, empty or well."""
    if problems := len(lists["failed"]):
        rest = f"; {len(lists['waits'])} wait" if lists["waits"] else ""
        return {"kind": "failed", "text": f"{problems} {'thing' if problems == 1 else 'things'} failed{rest}."}
    if lists["runs"]:
        return {"kind": "works", "text": "Nothing failed, and work goes on."}
    if not status.arrived:
        return {"kind": "empty", "text": "Nothing has arrived yet."}
    if waits := len(lists["waits"]):
        return {"kind": "waits", "text": f"Nothing failed; {waits} {'thing waits' if waits == 1 else 'things wait'}."}
    return {"kind": "well", "text": "All is well: everything that arrived is in its tables, and they are up to date."}


def _graph(status: Status, wrong: set[str], moving: set[str]) -> dict[str, Any]:
    """Return the tables with the kind of their state, its words and their rows, and from which to which rows go.

    ``edges`` is null where functions of an earlier Sluice are deployed, which do not tell it.
    """
    nodes = []
    for name, numbers in status.datasets.items():
        if name == UNKNOWN:
            continue
        kind, state = "well", "all is in its table"
        if name in wrong:
            kind, state = "failed", "something failed"
        elif name in moving:
            kind, state = "waits", "data on its way"
        elif not numbers.last:
            kind, state = "empty", "no data yet"
        nodes.append({"table": f"bronze.{name}", "kind": kind, "state": state, "rows": numbers.accepted})
    for table in status.derived:
        nodes.append({"table": table.table, "kind": _KINDS[table.state], "state": table.state, "rows": table.rows})
    told = all(table.inputs is not None for table in status.derived)
    return {"nodes": nodes, "edges": [list(edge) for edge in _edges(status)] if told else None}


def _edges(status: Status) -> Iterable[tuple[str, str]]:
    return ((each, table.table) for table in status.derived for each in table.inputs or ())
