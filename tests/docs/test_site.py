from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.docs import site
from tests.docs.blocks import PAGES
from tests.docs.test_links import dead
from tests.folders import ROOT


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://a.b/c.js"></script>', ["https://a.b/c.js"]),
        ('<link rel="stylesheet" href="//a.b/c.css">', ["//a.b/c.css"]),
        ('<img src="http://a.b/c.png">', ["http://a.b/c.png"]),
        ("<style>@import url('https://a.b/f.css')</style>", ["https://a.b/f.css"]),
        ("body{background:url(https://a.b/c.png)}", ["https://a.b/c.png"]),
        ('<a href="https://a.b">read on</a><link rel="canonical" href="https://a.b"><script src="x.js"></script>', []),
    ],
)
def test_what_a_page_fetches_from_another_host_is_found(html: str, found: list[str]) -> None:
    assert site.fetched_elsewhere(html) == found


def test_the_pages_of_the_site_are_those_of_the_documentation_and_no_link_in_them_is_dead(tmp_path: Path) -> None:
    site.stage(tmp_path / "pages")
    staged = sorted((tmp_path / "pages").rglob("*.md"))
    assert len(staged) == len([page for page in PAGES if page != ROOT / "README.md"])
    assert {page.name: found for page in staged if (found := dead(page, page.read_text(encoding="utf-8")))} == {}


def test_each_page_stands_in_the_sites_navigation() -> None:
    class Loader(yaml.SafeLoader):
        """Reads what only mkdocs knows as nothing."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    told = yaml.load((ROOT / "docs" / "mkdocs.yml").read_text(), Loader)

    def files(part: object) -> list[str]:
        if isinstance(part, str):
            return [part]
        inner = part.values() if isinstance(part, dict) else part
        return [file for each in inner for file in files(each)]  # type: ignore[attr-defined]

    own = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    listed = files(told["nav"])
    assert len(listed) == len({*listed})
    assert {page for page in own if not page.startswith("decisions/0")} | {"localaws.md"} == {*listed}


def test_a_script_that_is_another_than_the_known_is_refused_and_deleted(tmp_path: Path) -> None:
    packed = tmp_path / f"{site.MERMAID.replace('@', '-')}.tgz"
    packed.write_bytes(b"another")
    with pytest.raises(site.Refused, match="not the package that is known"):
        site.drawing(tmp_path)
    assert not packed.exists()
