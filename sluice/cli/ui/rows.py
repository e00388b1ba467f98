"""The tables of the page: a row for each dataset and each derived table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sluice.cli.status import lasting
from sluice.cli.ui.drawing import bars, mark
from sluice.cli.ui.markup import Child, Html, tag
from sluice.ledger import UNKNOWN

#: What stands where there is no value.
_NONE = "—"


def named_count(count: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    """Return a share in percent, 0 and 100 for nothing and all alone; ``whole`` is not 0."""
    if part in (0, whole):
        return "100 %" if part else "0 %"
    share = 100 * part / whole
    if 10_000 * part < whole:
        return "under 0.01 %"
    if 10_000 * (whole - part) < whole:
        return "over 99.99 %"
    return f"{share:.{2 if share < 1 or share > 99 else 1}f}".rstrip("0").removesuffix(".") + " %"


def _table(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Html], nothing: Child) -> Html:
    """Return a table with a heading; ``columns`` are names, each with the class of its cells."""
    counted = tag("span", f"{len(rows):,}", class_="count")
    heading = tag("h2", title, counted)
    if not rows:
        return tag("section", heading, tag("p", nothing, class_="soft"))
    names = tag("tr", [tag("th", name, class_=kind, scope="col") for name, kind in columns])
    return tag("section", heading, tag("table", tag("thead", names), tag("tbody", rows)), class_="rows")


def _cell(label: str, *content: Child, kind: str = "", value: float | str | None = None) -> Html:
    """Return a cell; ``value`` is what its column is sorted by where that is not its text."""
    return tag("td", content, class_=kind or None, data_label=label, data_value=value)


def datasets_table(data: Mapping[str, Any], made: datetime) -> Html:
    """Return the table of landing datasets."""
    status = data["status"]
    letters = Counter(each["dataset"] for each in status["dead_letters"])
    lags: dict[str, float] = {}
    for shard in status["streams"]:
        lags[shard["dataset"]] = max(lags.get(shard["dataset"], 0.0), shard["lag_seconds"])
    kinds = {node["table"]: node for node in data["graph"]["nodes"]}
    rows = []
    for each in status["datasets"]:
        stray = {"kind": "failed" if each["refusal"] else "empty", "state": "files in no dataset's folder"}
        node = kinds.get(f"bronze.{each['dataset']}", stray)
        dead, lag = letters[each["dataset"]], lags.get(each["dataset"], 0.0)
        rows.append(_dataset(each, node, made, dead=dead, lag=lag))
    columns = (
        ("Dataset", ""), ("Rows a day", ""), ("Accepted", "number"), ("Quarantined", "number"), ("Twice", "number"),
        ("Dead letters", "number"), ("Last arrival", "number"), ("Promised", "number"),
    )  # fmt: skip
    nothing = "No dataset is deployed yet. Next: sluice new DATASET --from FILE, then sluice deploy."
    return _table("Datasets", columns, rows, nothing)


def _dataset(each: Mapping[str, Any], node: Mapping[str, Any], made: datetime, *, dead: int, lag: float) -> Html:
    name, last, promised = each["dataset"], each["last"], each["freshness_seconds"]
    reasons = sorted(each["reasons"].items(), key=lambda reason: (-reason[1], reason[0]))
    why = ", ".join(f"{count:,} {code}" for code, count in reasons[:3])
    unread = each["files_of_unknown_count"]
    age = None if not last else max(0.0, made.timestamp() - last)
    late = age is not None and promised is not None and age > promised
    bad = [f"{each['quarantined']:,}", tag("small", f"+ {named_count(unread, 'file')}") if unread else None]
    return tag(
        "tr",
        tag("th", _linked(name, f"bronze.{name}" if name != UNKNOWN else None, node), scope="row"),
        _cell("Rows a day", bars(each["per_day"], made.date()), value=sum(day["rows"] for day in each["per_day"])),
        _cell("Accepted", f"{each['accepted']:,}", kind="number", value=each["accepted"]),
        _cell("Quarantined", bad, tag("small", why) if why else None, kind="number", value=each["quarantined"]),
        _cell("Twice", _or_dash(each["deliveries"].get("duplicate", 0)), kind="number"),
        _cell("Dead letters", _or_dash(dead), kind="number failed" if dead else "number", value=dead),
        _cell(
            "Last arrival",
            "no data yet" if age is None else f"{lasting(age)} ago",
            tag("small", f"{lasting(lag)} behind") if lag else None,
            kind="number", value=age if age is not None else "",
        ),
        _cell("Promised", _promise(promised, late=late), kind="number", value=promised),
        data_table=f"bronze.{name}",
    )  # fmt: skip


def _promise(seconds: float | None, *, late: bool) -> Child:
    """Return how old the newest data may be, and whether it is older."""
    if seconds is None:
        return _NONE
    return [f"within {lasting(seconds)}", tag("small", mark("waits"), "late", class_="late") if late else None]


def _or_dash(count: int) -> str:
    return f"{count:,}" if count else _NONE


def _linked(name: str, table: str | None, node: Mapping[str, Any]) -> Html:
    """Return a name that leads to its place in the graph, with its state in mark and words."""
    shown = tag("a", name, href=f"#n-{table}") if table else tag("span", name)
    return tag("div", mark(node["kind"]), tag("span", shown, tag("small", node["state"]), class_="of"), class_="named")


def derived_table(data: Mapping[str, Any], made: datetime) -> Html:
    """Return the table of derived tables."""
    nodes = {node["table"]: node for node in data["graph"]["nodes"]}
    rows = [_derived(each, nodes[each["table"]], made) for each in data["status"]["tables"]]
    columns = (
        ("Table", ""), ("Rows", "number"), ("Refreshed", "number"), ("Behind for", "number"), ("Promised", "number"),
        ("Engine", ""), ("Seconds", "number"), ("USD", "number"),
    )  # fmt: skip
    nothing = "No derived table is deployed yet. Next: sluice new TABLE --transform, then sluice deploy."
    return _table("Derived tables", columns, rows, nothing)


def _derived(each: Mapping[str, Any], node: Mapping[str, Any], made: datetime) -> Html:
    now, promised = made.timestamp(), each["freshness_seconds"]
    age = None if each["made"] is None else max(0.0, now - each["made"])
    behind = None if each["behind_since"] is None else max(0.0, now - each["behind_since"])
    late = behind is not None and promised is not None and behind > promised
    took, cost, rows = each["seconds"], each["cost_usd"], each["rows"]
    return tag(
        "tr",
        tag("th", _linked(each["table"], each["table"], node), scope="row"),
        _cell("Rows", _NONE if rows is None else f"{rows:,}", kind="number", value=rows),
        _cell("Refreshed", "never" if age is None else f"{lasting(age)} ago", kind="number", value=age),
        _cell("Behind for", _NONE if behind is None else lasting(behind), kind="number", value=behind),
        _cell("Promised", _promise(promised, late=late), kind="number", value=promised),
        _cell("Engine", each["engine"] or _NONE),
        _cell("Seconds", _NONE if took is None else f"{took:,.1f}", kind="number", value=took),
        _cell("USD", _NONE if cost is None else f"{cost:.6f}", kind="number", value=cost),
        data_table=each["table"],
    )
