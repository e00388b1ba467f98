"""Runs each public function of a program, in its order; the last line of its output says by JSON how each ended.

It is run by a client's own Python, which has no pytest.
"""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from types import FunctionType


def run(program: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, each in runpy.run_path(program).items():
        if isinstance(each, FunctionType) and each.__module__ == "<run_path>" and not name.startswith("_"):
            try:
                each()
                found[name] = None
            except Exception:  # noqa: BLE001  what it raised is what is told
                found[name] = traceback.format_exc()
    return found


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(run(sys.argv[1])) + "\n")
