"""In which order workers take test files: a worker stays in a folder, whose local AWS or Spark it has started.

pytest-xdist deals files out by their number of tests, so that a worker goes from folder to folder, and what a folder's
tests share is ended and started again at each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

#: The folders whose tests take longest, longest first; the others follow by their number of tests.
LONGEST = ("tests/end_to_end", "tests/sluice/refresh/spark", "tests/glue_jobs", "tests/localaws")
#: Files that use nothing of what their folder shares: whoever has nothing else to do takes these.
ON_THEIR_OWN = frozenset(
    f"tests/end_to_end/{name}.py"
    for name in (
        "test_cli",
        "test_deployment",
        "test_every_option",
        "test_many_tables",
        "test_real_model",
    )
)


def next_file(waiting: Iterable[str], mine: str | None, others: Iterable[str]) -> str:
    """Return which of the ``waiting`` files a worker takes that was in folder ``mine``; ``others`` are in theirs.

    One of its own folder; else the first of a folder where nobody is; else what needs nothing of a folder that another
    worker is in; else the last of what is left.
    """
    files = list(waiting)
    together = [file for file in files if file not in ON_THEIR_OWN]
    taken = set(others)
    own = [file for file in together if folder_of(file) == mine]
    free = [file for file in together if folder_of(file) not in taken]
    alone = [file for file in files if file in ON_THEIR_OWN]
    return next(iter([*own, *free, *alone, *reversed(together)]))


def folder_of(file: str) -> str:
    """Return the folder of a test file, as test ids spell it; those within a long one share what it starts."""
    return next((folder for folder in LONGEST if file.startswith(f"{folder}/")), str(PurePosixPath(file).parent))


class FolderScheduling(LoadFileScheduling):
    """Deals out files as :func:`next_file` says."""

    def schedule(self) -> None:
        """Sort the files once they are known, then deal them out."""
        if self.collection is None:
            self.config.option.loadscopereorder = False
            ids = next(iter(self.registered_collections.values()))
            counts = {folder_of(each.split("::")[0]): 0 for each in ids}
            for each in ids:
                counts[folder_of(each.split("::")[0])] += 1
            self._ranks = {folder: (_place(folder), -count) for folder, count in counts.items()}
        super().schedule()

    def _assign_work_unit(self, node: WorkerController) -> None:
        ordered = sorted(self.workqueue, key=lambda file: self._ranks[folder_of(file)])
        mine = self._last_folder(node)
        others = [folder for each in self.nodes if each is not node and (folder := self._last_folder(each))]
        self.workqueue.move_to_end(next_file(ordered, mine, others), last=False)
        super()._assign_work_unit(node)

    def _last_folder(self, node: WorkerController) -> str | None:
        """Return the folder of the file that a worker was given last, among those that share something."""
        given = [file for file in self.assigned_work.get(node, ()) if file not in ON_THEIR_OWN]
        return folder_of(given[-1]) if given else None


def _place(folder: str) -> int:
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


def scheduler(config: pytest.Config, log: object) -> FolderScheduling | None:
    """Return what deals out files with ``--dist loadfile``; xdist's own for everything else."""
    return FolderScheduling(config, log) if config.getoption("dist") == "loadfile" else None  # type: ignore[arg-type]
