"""A shell that does what a page says, block by block, as its reader would in one terminal."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.blocks import Block, commands, matches
from tests.folders import CACHE

#: `sluice` as a page calls it, but for what a machine of many users needs: a free port, and the functions' layer as it
#: is built already.
_SHIM = """#!/bin/bash
if [ "$1" = up ] || [ "$1" = deploy ]; then
  mkdir -p .sluice/cache
  for layer in {cache}/layer-*; do [ -e ".sluice/cache/${{layer##*/}}" ] || ln -s "$layer" .sluice/cache/; done
fi
if [ "$1" = up ] && [[ " $* " != *" --port "* ]]; then shift; set -- up --port 0 "$@"; fi
exec {sluice} "$@"
"""


class PageFailed(AssertionError):
    """A page says what does not hold."""


class Shell:
    """One `bash`, and where it begins; what it exports, and where it stands, holds from block to block."""

    def __init__(self, binaries: Path, home: Path, begin: Path, environment: dict[str, str] | None = None) -> None:
        shims = home / "shims"
        shims.mkdir(parents=True, exist_ok=True)
        (shims / "sluice").write_text(_SHIM.format(cache=CACHE, sluice=binaries / "sluice"))
        (shims / "sluice").chmod(0o755)
        aws = shutil.which("aws")
        assert aws, "the AWS CLI is needed: https://docs.aws.amazon.com/cli/"
        nobody = ("VIRTUAL_ENV", "PYTHONPATH", "JSII_NODE")
        given = {name: value for name, value in os.environ.items() if name not in nobody and "AWS_" not in name}
        given |= {
            "PATH": f"{shims}:{binaries}:{Path(aws).parent}:/usr/bin:/bin", "HOME": str(home), "COLUMNS": "110",
            "AWS_PAGER": "",
        }  # fmt: skip
        self.scratch = home
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=begin, env=given | (environment or {}), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def run(self, command: str, timeout: float = 600) -> tuple[int, str]:
        """Return a command's status and what it said, on both outputs together."""
        assert self.process.stdin
        assert self.process.stdout
        mark = f"done-{uuid.uuid4().hex}"
        self.process.stdin.write(f"{{\n{command}\n}} </dev/null\nprintf '\\n{mark} %s\\n' $?\n")
        self.process.stdin.flush()
        said, deadline = "", time.monotonic() + timeout
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while not (found := re.search(rf"\n{mark} (\d+)\n", said)):
                if not ready.select(max(0, deadline - time.monotonic())):
                    raise PageFailed(f"not within {timeout:.0f} s: {command}\n{said}")
                read = os.read(self.process.stdout.fileno(), 65_536)
                if not read:
                    raise PageFailed(f"the shell ended: {command}\n{said}")
                said += read.decode(errors="replace")
        return int(found[1]), said[: found.start()]

    def do(self, block: Block) -> None:
        """Do what a block says; ``PageFailed`` for a command that fails, and for output that is another."""
        if block.title is not None:
            self._write(block)
        elif block.language == "python":
            file = self.scratch / f"block-{block.line}.py"
            file.write_text(block.text)
            self._succeed(block, f"python {file}")
        elif block.language == "sh":
            for command in one_by_one(block.text):
                self._succeed(block, command)
        else:
            for command, shown in commands(block.text):
                said = self._succeed(block, command)
                if shown is not None and not matches(shown, said):
                    raise PageFailed(f"{block}: {command}\n--- the page shows\n{shown}\n--- it says\n{said}")

    def _succeed(self, block: Block, command: str) -> str:
        status, said = self.run(command)
        if status:
            raise PageFailed(f"{block}: status {status}: {command}\n{said}")
        return said

    def _write(self, block: Block) -> None:
        _, here = self.run("pwd")
        file = Path(here.strip()) / str(block.title)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")


def one_by_one(text: str) -> list[str]:
    """Return the commands of a ``sh`` block: each as many lines as bash needs to read it whole."""
    found: list[str] = []
    waiting: list[str] = []
    for line in text.splitlines():
        waiting.append(line)
        joined = "\n".join(waiting)
        if not joined.strip():
            waiting = []
        if line.endswith("\\") or not waiting:
            continue
        read = subprocess.run(["bash", "-n"], input=joined, capture_output=True, text=True, check=False)
        if read.returncode == 0 and not read.stderr:  # it warns of a here-document without an end
            if not all(part.lstrip().startswith("#") for part in waiting):
                found.append(joined)
            waiting = []
    if "".join(waiting).strip():
        raise PageFailed(f"bash cannot read it: {waiting}")
    return found
