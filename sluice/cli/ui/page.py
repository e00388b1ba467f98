"""Writes the page of `sluice ui`: one file of HTML with its style, its script and its pictures inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sluice.cli.ui.drawing import graph, legend, mark, marks, places
from sluice.cli.ui.layout import COLUMN_GAP, GAP, HEADER, MARGIN, laid_out
from sluice.cli.ui.markup import Child, Html, data_block, tag
from sluice.cli.ui.rows import datasets_table, derived_table, named_count, percent
from sluice.ledger import UNKNOWN

_HERE: Final = Path(__file__).parent
#: So many tables are drawn at once; of more, the neighbourhood of one.
MOST_DRAWN: Final = 60
#: So many of a neighbourhood, half of them to each side.
_NEAR: Final = 30
#: So many of what runs, waits or failed are shown at once; the others unfold.
_MOST_SHOWN: Final = 6
#: How a table's details name what failed, runs or waits.
_SAYS: Final = {"failed": "failed", "runs": "now", "waits": "waits"}
_KINDS: Final = (
    ("well", "up to date"),
    ("waits", "behind, or data on its way"),
    ("failed", "something failed"),
    ("held", "held by a rollback or pause"),
    ("empty", "no rows yet"),
)


def written_page(data: Mapping[str, Any]) -> str:
    """Return the page for what ``page_data`` returned; nothing of it can be anything but text."""
    style, script = (_HERE / "page.css").read_text(encoding="utf-8"), (_HERE / "page.js").read_text(encoding="utf-8")
    title = " · ".join(filter(None, (data["name"], data["environment"])))
    content, for_script = _main(data)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{title or 'Sluice'}: {data['verdict']['text']}"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        marks(),
        _head(data, title),
        content,
        _foot(),
        tag("script", Html(data_block(for_script)), type="application/json", id="data"),
        tag("script", Html(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en').text}\n"


def _digest(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows one text.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _head(data: Mapping[str, Any], title: str) -> Html:
    made = data["made"]
    where = data["region"] if data["endpoint"] is None else f"local AWS at {data['endpoint']}, {data['region']}"
    verdict = data["verdict"]
    return tag(
        "header",
        tag("h1", title or "Sluice"),
        tag("p", where, class_="where"),
        tag(
            "p", "Made ", tag("time", made[:19].replace("T", " "), datetime=made), " UTC", tag("span", id="age"),
            class_="where",
        ),
        tag("p", mark(verdict["kind"]), tag("strong", verdict["text"]), class_=f"verdict {verdict['kind']}"),
    )  # fmt: skip


def _foot() -> Html:
    return tag(
        "footer",
        tag(
            "p",
            "This page shows what is deployed, as AWS told it when the page was made. It asks nothing of the network "
            "and does not change by itself: ",
            tag("code", "sluice ui"),
            " makes a new one. Reasons and examples in it may hold values of your data.",
        ),
    )


def _main(data: Mapping[str, Any]) -> tuple[Html, dict[str, Any]]:
    """Return the page's content, and what its script works with."""
    made = datetime.fromisoformat(data["made"])
    datasets, tables = data["status"]["datasets"], data["status"]["tables"]
    drawn, for_script = _graph_section(data)
    content = tag(
        "main",
        _tiles(datasets, tables, data["status"]),
        tag(
            "div",
            _concerns("Runs now", "works", data["runs"], "Nothing runs."),
            _concerns("Waits", "waits", data["waits"], "Nothing waits."),
            _concerns("Failed", "failed", data["failed"], "Nothing failed.", data["notes"]),
            class_="lists",
        ),
        tag(
            "div",
            tag("label", "Find a dataset or table", for_="find"),
            tag("input", id="find", type="search", autocomplete="off", spellcheck="false", placeholder="name or state"),
            tag("span", id="found", role="status"),
            class_="find",
        ),
        drawn,
        datasets_table(data, made),
        derived_table(data, made),
    )
    return content, {**for_script, "made": data["made"]}


def _tiles(
    datasets: Sequence[Mapping[str, Any]], tables: Sequence[Mapping[str, Any]], status: Mapping[str, Any]
) -> Html:
    accepted = sum(each["accepted"] for each in datasets)
    bad = sum(each["quarantined"] for each in datasets)
    unknown = sum(each["files_of_unknown_count"] for each in datasets)
    share = f"{percent(bad, accepted + bad)} of what came" if accepted + bad else "nothing came"
    current = sum(each["state"] == "up to date" for each in tables)
    told = [
        (
            "Rows accepted",
            f"{accepted:,}",
            named_count(sum(each["dataset"] != UNKNOWN for each in datasets), "dataset"),
        ),
        ("Quarantined", f"{bad:,}", share + (f", and {named_count(unknown, 'unreadable file')}" if unknown else "")),
        ("Files in landing", f"{status['delivered']:,}", f"{len(status['open']):,} without a final state"),
        ("Derived tables", f"{len(tables):,}", f"{current:,} up to date"),
    ]
    parts = [tag("div", tag("dt", name), tag("dd", value, tag("small", more))) for name, value, more in told]
    return tag("dl", parts, class_="tiles")


def _concerns(
    title: str,
    kind: str,
    found: Sequence[Mapping[str, Any]],
    nothing: str,
    notes: Sequence[Mapping[str, Any]] = (),
) -> Html:
    heading = tag("h2", mark(kind), title, tag("span", f"{len(found):,}", class_="count"))
    items = [_concern(each) for each in found]
    shown: list[Child] = [tag("ul", items[:_MOST_SHOWN])] if items else [tag("p", nothing, class_="soft")]
    if more := items[_MOST_SHOWN:]:
        shown.append(tag("details", tag("summary", f"{len(more):,} more"), tag("ul", more)))
    if notes:
        shown.append(tag("ul", [_concern(each) for each in notes], class_="notes"))
    return tag("section", heading, shown, class_=f"list {kind if found else 'quiet'}")


def _concern(each: Mapping[str, Any]) -> Html:
    of = tag("b", each["of"], " ") if each["of"] else None
    commands = [[" or " if number else "", tag("code", command)] for number, command in enumerate(each["next"])]
    return tag(
        "li",
        tag("p", of, _with_commands(each["what"])),
        tag("p", _with_commands(each["why"]), class_="why") if each["why"] else None,
        tag("p", "Next: ", commands, class_="next") if commands else None,
    )


def _with_commands(text: str) -> list[Child]:
    """Return a text in which what stands between backticks is shown as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [text]
    return [tag("code", part) if number % 2 else part for number, part in enumerate(parts)]


def _graph_section(data: Mapping[str, Any]) -> tuple[Html, dict[str, Any]]:
    nodes = {node["table"]: node for node in data["graph"]["nodes"]}
    edges = data["graph"]["edges"]
    title = tag("h2", "From datasets to tables")
    if not nodes or edges is None:
        why = (
            "No dataset is deployed: sluice new DATASET --from FILE makes a contract, and sluice deploy deploys it."
            if not nodes
            else "The deployed functions do not tell what is made from what: an earlier Sluice deployed them. After "
            "sluice deploy the graph stands here."
        )
        return tag("section", title, tag("p", why, class_="soft"), class_="graph"), {}
    inputs: dict[str, list[str]] = {name: [] for name in nodes}
    for begin, end in edges:
        inputs[end].append(begin)
    layout = laid_out(inputs)
    section = tag(
        "section",
        title,
        legend([(kind, words) for kind, words in _KINDS if any(node["kind"] == kind for node in nodes.values())]),
        tag("div", graph(layout, nodes), class_="canvas", tabindex=0, role="region", aria_label="Graph of tables"),
        tag("p", id="shown", class_="soft"),
        tag("div", id="details", aria_live="polite"),
        class_="graph",
    )
    for_script = {
        "nodes": {
            name: [node["kind"], node["state"], node["rows"], _facts(data, name)] for name, node in nodes.items()
        },
        "columns": places(layout),
        "edges": layout.edges,
        "spaces": {"gap": GAP, "column": COLUMN_GAP, "margin": MARGIN, "header": HEADER},
        "near": _NEAR if len(nodes) > MOST_DRAWN else None,
    }
    return section, for_script


def _facts(data: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """Return what the page says about a table that is chosen, besides its state: why, and the next command."""
    of = {name, name.removeprefix("bronze.")}
    return [
        fact
        for key in _SAYS
        for each in data[key]
        if each["of"] in of
        for fact in (
            (_SAYS[key], ": ".join(filter(None, (each["what"], each["why"])))),
            *(("next", command) for command in each["next"]),
        )
    ]
