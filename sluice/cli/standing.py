"""Asks the process that stands ready to synthesize (``infra.standing``), beside the data of a local AWS that runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sluice.folders import ProjectFolder, brought

#: A Unix socket's path is this long at most: https://man7.org/linux/man-pages/man7/unix.7.html
_LONGEST: Final = 100
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Standing:
    """Where it stands: the data folder of the local AWS, and the process with which it ends."""

    data: Path
    owner: int

    def synthesize(self, project: ProjectFolder, variables: Mapping[str, str], library: str) -> tuple[int, str] | None:
        """Return the status of a synthesis and what it said; None where no process can stand.

        ``library`` tells one version of what does not change from project to project from the next: a process that has
        imported another one is replaced.
        """
        place = self.data.resolve() / "synthesis"
        if len(os.fsencode(place)) > _LONGEST:
            return None
        for _ in range(2):
            answer = _asked(place, variables, library) or self._begun(project, place, variables, library)
            if answer is None:
                return None
            if not answer.get("outdated"):
                return answer["status"], answer["said"]
        return None

    def _begun(
        self, project: ProjectFolder, place: Path, variables: Mapping[str, str], library: str
    ) -> dict[str, Any] | None:
        """Start the process and return its first answer; None when it ends before it gives one."""
        package = "infra" if brought("infra") == project.root / "infra" else "sluice.infra"
        process = subprocess.Popen(
            [sys.executable, "-m", f"{package}.standing", str(place), str(self.owner)],
            cwd=project.root,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            if answer := _asked(place, variables, library):
                return answer
            time.sleep(0.05)
        return None


def _asked(place: Path, variables: Mapping[str, str], library: str) -> dict[str, Any] | None:
    """Return the answer of the process at the socket; None where nobody listens, or it ended before it answered."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(place))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps({"variables": dict(variables), "library": library}) + "\n")
                stream.flush()
                found: dict[str, Any] = json.loads(stream.readline())
                return found
        except (OSError, ValueError):
            return None
