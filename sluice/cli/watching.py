"""`sluice up --watch`: deploys what is declared to the local AWS that runs, each time a file is saved."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sluice.cli.assembly import files_read, warm
from sluice.cli.deploying import Outcome, deploy
from sluice.cli.standing import Standing
from sluice.errors import SluiceError
from sluice.folders import ProjectFolder, needed_project

_LOOK_SECONDS = 0.25
_QUIET_SECONDS = 0.1
#: Path, size and time of each file.
_Signature = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class Watch:
    """What is watched, and who hears of it: ``say`` gets lines for people, ``show`` what a deployment changes."""

    contracts: list[Path]
    environment: str
    standing: Standing
    say: Callable[[str], None]
    show: Callable[[Outcome], None]

    def run(self, alive: Callable[[], bool]) -> None:
        """Deploy after each save until ``alive`` is False. What is wrong with a save is said, and the watch goes on."""
        project = needed_project(self.contracts)  # once: an editor that saves a file of it takes it away for a moment
        seen = self._signature(project)
        warming = threading.Thread(target=warm, args=(self.contracts, self.environment, self.standing), daemon=True)
        warming.start()
        self.say("Watching: a save is deployed.")
        while alive():
            time.sleep(_LOOK_SECONDS)
            if (now := self._signature(project)) == seen:
                continue
            seen = self._quiet(project, now)
            warming.join()
            self._deploy()

    def _deploy(self) -> None:
        began = time.perf_counter()
        try:
            outcome = deploy(self.contracts, self.environment, show=self.show, standing=self.standing)
        except (SluiceError, OSError) as error:
            self.say(f"{error}\nWhat runs is as it was; watching on.")
        except Exception:  # noqa: BLE001  nobody foresaw it: told whole, since the data of what runs ends with the watch
            self.say(f"{traceback.format_exc()}The save was not deployed to its end; watching on.")
        else:
            if outcome.deployed:
                self.say(f"Deployed in {time.perf_counter() - began:.1f} s; its tables are being refreshed.")

    def _quiet(self, project: ProjectFolder, now: _Signature) -> _Signature:
        """Return the files as they are once nothing more is saved: editors and branches write several."""
        while True:
            time.sleep(_QUIET_SECONDS)
            if (later := self._signature(project)) == now:
                return now
            now = later

    def _signature(self, project: ProjectFolder) -> _Signature:
        """Return path, size and time of each file that a synthesis may read."""
        found = set()
        for path in files_read(project, self.contracts):
            try:
                about = path.stat()
            except OSError:  # it was removed meanwhile, or is a link to nothing
                continue
            found.add((str(path), about.st_size, about.st_mtime_ns))
        return frozenset(found)
