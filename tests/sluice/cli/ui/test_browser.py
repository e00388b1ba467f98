"""The page in a real browser: it speaks to nobody, runs nothing of its data, and is usable at any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from sluice.cli.ui.page import MOST_DRAWN, written_page
from tests.browser import started_browser
from tests.sluice.cli.ui.states import NOW, data_of, empty, large, shop
from tests.sluice.cli.ui.test_markup import HOSTILE
from tests.sluice.cli.ui.test_page import hostile

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@dataclass
class Opened:
    """A page that was opened, and what it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page for data; at the end each has said nothing and asked for nothing but itself."""
    every: list[Opened] = []

    def open_page(data: dict[str, Any], width: int = 1280, scheme: Any = "light", fragment: str = "") -> Opened:
        path = tmp_path / f"{len(every)}.html"
        path.write_text(written_page(data), encoding="utf-8")
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        found = Opened(page)
        page.on("console", lambda message: found.said.append(message.text))
        page.on("pageerror", lambda error: found.said.append(str(error)))
        page.on("dialog", lambda dialog: (found.said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: found.asked.append(request.url))
        page.goto(f"{path.as_uri()}{fragment}")
        every.append(found)
        return found

    yield open_page
    for each in every:
        assert each.said == []
        assert [url for url in each.asked if not url.startswith("file:")] == []
        assert len(each.asked) == 1
        each.page.context.close()


SHOP = data_of(shop(NOW), NOW)
MANY = data_of(large(NOW, 100), NOW)
#: Names as long as contracts allow, and reasons without a space.
LONG = hostile(hostile(SHOP, "_mw" * 14, only=("table", "dataset", "of", "edges", "inputs")), "x" * 200, only=("why",))


def node(page: Page, table: str) -> Any:
    return page.locator(f'.node[data-table="{table}"]')


def shown_tables(page: Page) -> set[str]:
    tables: list[str] = page.evaluate(
        "[...document.querySelectorAll('.node:not(.hidden)')].map((n) => n.dataset.table)"
    )
    return set(tables)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_the_data_runs_or_asks_for_anything(opened: Open, text: str) -> None:
    data = hostile(SHOP, text)
    page = opened(data).page
    assert page.evaluate("document.scripts.length") == 2
    assert page.evaluate("document.querySelectorAll('img, iframe, object, embed, link').length") == 0
    page.evaluate("document.querySelector('.node').dispatchEvent(new MouseEvent('click'))")
    page.fill("#find", text.encode(errors="replace").decode())
    name = page.get_attribute(".node", "data-table")
    assert page.inner_text("#details strong") == " ".join((name or "").split())


def test_a_script_that_came_in_all_the_same_would_not_run(opened: Open) -> None:
    found = opened(SHOP)
    found.page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    )
    assert found.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in each for each in found.said)
    found.said.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 961, 1280, 1920])
def test_at_any_width_nothing_is_beside_the_page_and_no_text_is_cut(opened: Open, width: int, scheme: str) -> None:
    for data in (SHOP, data_of(empty(), NOW), MANY, LONG):
        page = opened(data, width, scheme).page
        assert page.evaluate("document.documentElement.scrollWidth") == width
        cut = page.evaluate(
            "[...document.querySelectorAll('h1, p, td, th, code, dd, small')].filter((e) => e.offsetParent && "
            "e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent)"
        )
        assert cut == []
        over = page.evaluate(_OVER)
        assert over == []


_OVER = """() => {
  const right = (e) => e.getBoundingClientRect().right;
  const wide = (node) =>
    [...node.querySelectorAll("text")].some((text) => right(text) > right(node.querySelector(".box")));
  return [...document.querySelectorAll(".node:not(.hidden)")].filter(wide).map((node) => node.id);
}"""
_CONTRAST = """() => {
  const luminance = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const c = part / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (at.matches("svg .node")) return getComputedStyle(at.querySelector(".box")).fill;
      if (style.backgroundColor !== "rgba(0, 0, 0, 0)") return style.backgroundColor;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ["SCRIPT", "TITLE", "title"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const [a, b] = [luminance(e.closest("svg") ? style.fill : style.color), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push(`${e.tagName} ${e.textContent.slice(0, 30)} ${ratio}`);
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_text_stands_out_from_its_ground_as_wcag_aa_asks(opened: Open, scheme: str) -> None:
    page = opened(SHOP, 1280, scheme).page
    assert page.evaluate(_CONTRAST) == []
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert colours[0 if scheme == "dark" else 1].startswith("rgb(2"), "light and dark differ"


def test_what_is_sought_is_shown_and_enter_chooses_the_first(opened: Open) -> None:
    page = opened(SHOP).page
    page.fill("#find", "FAILED")
    assert page.locator("tbody tr:visible").count() == 4
    assert page.inner_text("#found") == "4 of 22"
    page.fill("#find", "gold sales")
    assert page.locator("tbody tr:visible").count() == 1
    page.press("#find", "Enter")
    assert "gold.daily_sales" in page.inner_text("#details")
    assert "made from" in page.inner_text("#details")
    page.fill("#find", "no such thing")
    assert page.locator("tbody tr:visible").count() == 0
    page.fill("#find", "")
    assert page.locator("tbody tr:visible").count() == 22


def test_a_chosen_table_lights_what_is_up_and_downstream_of_it_by_mouse_and_by_key(opened: Open) -> None:
    page = opened(SHOP).page
    up_and_down = {
        "silver.products", "bronze.products", "silver.stock", "gold.dim_product", "gold.daily_sales",
        "gold.fact_order_line", "gold.stock_cover",
    }  # fmt: skip

    def pale() -> set[str]:
        return set(page.evaluate("[...document.querySelectorAll('.node.dim')].map((n) => n.dataset.table)"))

    every = shown_tables(page)
    for choose in (lambda: node(page, "silver.products").click(), lambda: node(page, "silver.products").press("Enter")):
        choose()
        assert every - pale() == up_and_down
        assert node(page, "silver.products").get_attribute("aria-pressed") == "true"
        assert page.url.endswith("#n-silver.products")
        page.keyboard.press("Escape")
        assert pale() == set()
        assert page.inner_text("#details") == ""
    node(page, "gold.stock_cover").hover()
    assert "sluice resume gold.stock_cover" in page.inner_text("#details")


def test_a_link_leads_to_its_table(opened: Open) -> None:
    page = opened(SHOP, fragment="#n-gold.fact_order_line").page
    assert "3 rows have no silver.orders, for example 81204" in page.inner_text("#details")
    page.click("table a:text-is('orders')")
    page.locator("#details", has_text="bronze.orders").wait_for()  # a browser tells of a new fragment later
    assert node(page, "bronze.orders").evaluate("(n) => n.getBoundingClientRect().top > 0")


def test_a_column_is_sorted_by_its_values(opened: Open) -> None:
    page = opened(SHOP).page

    def column() -> list[str]:
        cells: list[str] = page.locator("section.rows").nth(0).locator("td[data-label=Accepted]").all_inner_texts()
        return cells

    told = [f"{count:,}" for count in sorted(each["accepted"] for each in SHOP["status"]["datasets"])]
    page.click("th button:text-is('Accepted')")
    assert column() == told
    page.click("th button:text-is('Accepted')")
    assert column() == told[::-1]


_BOXES = """() => [...document.querySelectorAll(".node:not(.hidden) .box")].map((e) => {
  const { left, right, top, bottom } = e.getBoundingClientRect();
  return [left, right, top, bottom];
})"""
_ENDS = """() => [...document.querySelectorAll(".edge:not(.hidden)")].map((e) => {
  const [a, b] = [e.getPointAtLength(0), e.getPointAtLength(e.getTotalLength())];
  const at = (table, side) => {
    const node = document.querySelector(`.node[data-table="${table}"]`);
    const [x, y] = node.getAttribute("transform").match(/[\\d.]+/g).map(Number);
    const box = node.querySelector(".box");
    return [x + side * box.width.baseVal.value, y + box.height.baseVal.value / 2];
  };
  const [from, to] = [at(e.dataset.from, 1), at(e.dataset.to, 0)];
  return Math.hypot(a.x - from[0], a.y - from[1]) + Math.hypot(b.x - to[0], b.y - to[1]) + (a.x < b.x ? 0 : 1000);
})"""


def sound(page: Page) -> None:
    """No two tables that are drawn overlap, and each edge leads from the right of one to the left of another."""
    boxes = page.evaluate(_BOXES)
    for number, (left, right, top, bottom) in enumerate(boxes):
        for left2, right2, top2, bottom2 in boxes[:number]:
            assert right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
    ends = page.evaluate(_ENDS)
    assert max(ends, default=0.0) < 0.5


def test_of_many_tables_the_neighbourhood_of_one_is_drawn_and_all_when_asked(opened: Open) -> None:
    page = opened(MANY).page
    near = shown_tables(page)
    assert 1 < len(near) <= 30
    sound(page)
    page.fill("#find", "silver.clean_007")
    page.press("#find", "Enter")
    inputs = next(each["inputs"] for each in MANY["status"]["tables"] if each["table"] == "silver.clean_007")
    assert {"silver.clean_007", *inputs} <= shown_tables(page)
    sound(page)
    page.click("text=Show all")
    assert len(shown_tables(page)) == 200 > MOST_DRAWN
    sound(page)
    page.click("text=Only those around one")
    assert len(shown_tables(page)) <= 30


def test_what_the_script_draws_of_all_tables_joins_them_as_the_page_does(opened: Open) -> None:
    page = opened(SHOP).page
    sound(page)
    assert shown_tables(page) == {each["table"] for each in SHOP["graph"]["nodes"]}


def test_without_scripts_all_can_be_read_and_printed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(written_page(MANY), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    text = page.inner_text("main")
    assert "source_099" in text
    assert "gold.mart_039" in text
    assert "Accepted" in text
    assert page.locator(".node").count() == 200
    context.close()


def test_a_printed_page_has_its_columns_names_and_nothing_folded(opened: Open) -> None:
    many = [{"of": "", "what": f"file {number} is a dead letter", "why": "", "next": []} for number in range(20)]
    page = opened({**SHOP, "failed": many}).page
    assert not page.locator("text=file 19 is a dead letter").is_visible()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("text=file 19 is a dead letter").is_visible()
    assert page.locator("th button:text-is('Accepted')").is_visible()
    assert not page.locator("#find").is_visible()


def test_how_old_the_page_is_stands_on_it(opened: Open) -> None:
    old = {**SHOP, "made": "2026-01-01T00:00:00+00:00"}
    assert "days ago" in opened(old).page.inner_text("header")
