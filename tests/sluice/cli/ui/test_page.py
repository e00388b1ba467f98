"""The page: all that is told stands on it, nothing on it is anything but text, and nothing on it asks the network."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluice.cli.status import DatasetStatus
from sluice.cli.ui.page import MOST_DRAWN, written_page
from sluice.ledger import UNKNOWN
from tests.folders import ROOT
from tests.laws import cases
from tests.sluice.cli.ui.states import NOW, data_of, empty, large, shop
from tests.sluice.cli.ui.test_markup import HOSTILE, Read, shown

DATA = data_of(shop(NOW), NOW)
PAGE = written_page(DATA)
#: Texts of which the page makes something else than text: a mark, a time.
_KEPT = {"made", "kind", "day"}


def elements(page: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, tuple(sorted(key for key, _ in given))) for name, given in Read(page).elements]


def test_each_dataset_table_reason_and_command_stands_on_the_page() -> None:
    text = Read(PAGE).text
    told = [
        *(each["dataset"] for each in DATA["status"]["datasets"]),
        *(each["table"] for each in DATA["status"]["tables"]),
    ]
    assert len(told) == 22
    for key in ("runs", "waits", "failed"):
        told += [text for each in DATA[key] for text in (each["what"], each["of"], *each["next"])]
    assert [each for each in told if each not in text] == []
    assert "11,566 unparseable" in text
    assert f"{sum(each['accepted'] for each in DATA['status']['datasets']):,}" in text


def test_the_policy_allows_its_own_style_and_script_and_nothing_else() -> None:
    (policy,) = [
        dict(given)["content"]
        for name, given in Read(PAGE).elements
        if name == "meta" and ("http-equiv", "Content-Security-Policy") in given
    ]
    assert policy is not None
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    for kind, pattern in (("style-src", r"<style>(.*?)</style>"), ("script-src", r"<script>(.*?)</script>")):
        (inside,) = re.findall(pattern, PAGE, re.DOTALL)
        assert allowed[kind] == f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"
    assert set(allowed) == {"default-src", "style-src", "script-src", "base-uri", "form-action"}


def test_nothing_leads_to_the_network_and_no_attribute_acts() -> None:
    for name, attributes in Read(PAGE).elements:
        for key, value in attributes:
            assert not key.startswith("on"), (name, key)
            assert key not in {"src", "style", "action", "srcset"}, (name, key)
            assert key != "href" or (value or "").startswith("#"), (name, value)
    for file in ("page.css", "page.js"):
        text = (ROOT / "sluice" / "cli" / "ui" / file).read_text()
        assert not re.search(
            r"https?:|url\(|@import|fetch\(|XMLHttp|innerHTML|insertAdjacent|document\.write|eval\(", text
        ), file


def hostile(value: Any, text: str, key: str = "", only: Collection[str] = ()) -> Any:
    """Return the data with a text behind each of its texts, or those of some keys; no text stays none."""
    if isinstance(value, dict):
        return {k: hostile(v, text, k, only) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(each, text, key, only) for each in value]
    changes = key in only if only else key not in _KEPT
    return f"{value}{text}" if isinstance(value, str) and value and changes else value


@settings(max_examples=cases(300), deadline=None)
@given(st.sampled_from(HOSTILE) | st.text())
@example("</script><script>alert(1)</script>")
def test_whatever_a_text_of_the_data_holds_the_page_has_the_same_elements(text: str) -> None:
    text = text.replace("`", "'")  # between backticks stands code
    page = written_page(hostile(SMALL, text))
    assert elements(page) == SMALL_ELEMENTS
    assert shown(text).strip() in Read(page).text
    page.encode()


SMALL = data_of(
    replace(shop(NOW), datasets={"products": shop(NOW).datasets["products"]}, derived=shop(NOW).derived[:1]), NOW
)
SMALL_ELEMENTS = elements(written_page(SMALL))


def test_names_that_no_contract_can_have_are_text_too() -> None:
    name = '"><img src=x onerror=alert(1)>'
    data = copy.deepcopy(SMALL)
    data["status"]["datasets"][0]["dataset"] = name
    data["graph"]["nodes"][0]["table"] = f"bronze.{name}"
    page = written_page(data)
    assert "<img" not in page
    assert name in Read(page).text


def test_a_table_is_drawn_once_with_a_mark_and_its_state_in_words() -> None:
    nodes = [dict(given) for name, given in Read(PAGE).elements if name == "g" and ("role", "button") in given]
    assert {node["data-table"] for node in nodes} == {each["table"] for each in DATA["graph"]["nodes"]}
    assert len(nodes) == 22
    labels = {node["data-table"]: node["aria-label"] for node in nodes}
    assert labels["gold.stock_cover"] == "gold.stock_cover: held"
    assert labels["bronze.customers"] == "bronze.customers: something failed"
    edges = [given for name, given in Read(PAGE).elements if name == "path" and ("class", "edge") in given]
    assert len(edges) == len(DATA["graph"]["edges"])


def test_nothing_arrived_is_said_with_the_next_command() -> None:
    text = Read(written_page(data_of(empty(), NOW))).text
    assert "Nothing has arrived yet." in text
    assert "aws s3 cp FILE s3://shop-landing/orders/" in text
    assert "none in 30 days" in text


def test_nothing_deployed_is_said_with_the_next_command() -> None:
    nothing = replace(empty(), datasets={}, contracted=frozenset(), derived=())
    text = Read(written_page(data_of(nothing, NOW))).text
    assert text.count("sluice new DATASET --from FILE") == 2
    assert "sluice new TABLE --transform" in text


def test_functions_of_an_earlier_sluice_tell_no_graph_and_the_page_says_so() -> None:
    earlier = replace(
        shop(NOW), derived=tuple(replace(table, inputs=None) for table in shop(NOW).derived), freshness_seconds={}
    )
    data = data_of(earlier, NOW)
    assert data["graph"]["edges"] is None
    page = written_page(data)
    assert "an earlier Sluice deployed them" in Read(page).text
    assert 'id="graph"' not in page


def test_an_input_that_is_no_table_any_more_is_left_out_of_the_graph() -> None:
    table = replace(shop(NOW).derived[0], inputs=("bronze.removed", "bronze.orders"))
    data = data_of(replace(shop(NOW), derived=(table,)), NOW)
    assert ["bronze.orders", table.table] in data["graph"]["edges"]
    assert "bronze.removed" not in written_page(data)


@pytest.mark.parametrize(("datasets", "near"), [(20, None), (MOST_DRAWN, 30)])
def test_of_many_tables_the_script_draws_a_neighbourhood(datasets: int, near: int | None) -> None:
    page = written_page(data_of(large(NOW, datasets), NOW))
    assert f'"near":{"null" if near is None else near}' in page


@pytest.mark.parametrize("refusal", ["", "s3://shop-landing/x.csv is in no dataset's folder"])
def test_files_in_no_datasets_folder_are_a_row_that_failed_until_they_are_discarded(refusal: str) -> None:
    stray = DatasetStatus(UNKNOWN, Counter(discarded=1), last=1.0, refusal=refusal)
    data = data_of(replace(empty(), datasets={**empty().datasets, UNKNOWN: stray}), NOW)
    assert not any(UNKNOWN in node["table"] for node in data["graph"]["nodes"])
    page = written_page(data)
    assert f'href="#mark-{"failed" if refusal else "empty"}"' in page[page.index("bronze.(unknown)") :]
    assert "#n-bronze.(unknown)" not in page


def test_the_verdict_is_what_is_worst() -> None:
    verdict = {name: data_of(status, NOW)["verdict"]["kind"] for name, status in VERDICTS.items()}
    assert verdict == {name: name for name in VERDICTS}


_WELL = large(NOW, 5)
VERDICTS = {
    "well": _WELL,
    "works": replace(_WELL, running=1),
    "waits": replace(_WELL, derived=(replace(_WELL.derived[0], state="behind", behind_since=1.0),)),
    "failed": replace(shop(NOW), running=1),
    "empty": empty(),
}


def test_the_page_of_documentation_names_each_key() -> None:
    keys: set[str] = set()

    def walk(value: Any) -> None:
        for each in value if isinstance(value, list) else []:
            walk(each)
        for key, inner in value.items() if isinstance(value, dict) else []:
            keys.add(key)
            if key != "status":  # which docs/reference/status.md has
                walk(inner)

    walk(DATA)
    assert {"verdict", "edges", "why", "notes"} <= keys
    told = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "reference" / "ui.md").read_text()))
    assert sorted(keys | {"page"}) == sorted(told & (keys | {"page"}))
