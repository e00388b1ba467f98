"""dbt's commands on a copy of a project of the folder `dbt`, by dbt's own entry point for programs.

The programs of that folder import it: it stands beside what runs them, `runner.py`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from pyathena import connect


class Project:
    """A copy of a project, which goes when this Python ends; ``schema`` is the one of its profile."""

    def __init__(self, name: str, schema: str, **connection: str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="dbt-")
        self.folder = Path(self._temporary.name) / name
        shutil.copytree(Path(__file__).parent / "dbt" / name, self.folder)
        self._places = ("--project-dir", str(self.folder), "--profiles-dir", str(self.folder))
        os.chdir(self.folder)  # for what dbt writes beside its project
        self._connection = {"schema_name": schema, "poll_interval": 0.05, **connection}

    def dbt(self, *arguments: str) -> dict[str, str]:
        """Run a command, and return the state of each of its nodes by name."""
        done = dbtRunner().invoke([*arguments, "--no-use-colors", *self._places])
        assert done.exception is None, done.exception
        states = {each.node.name: (str(each.status), each.message) for each in getattr(done.result, "results", [])}
        assert done.success, states
        return {name: state for name, (state, _) in states.items()}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return a query's rows as PyAthena has them."""
        found: list[tuple[Any, ...]] = connect(**self._connection).cursor().execute(sql).fetchall()
        return found
