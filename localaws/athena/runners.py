"""Takes queries before the query engine is imported, and imports it with the first one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from localaws.context import Context

if TYPE_CHECKING:
    from localaws.athena.executions import Earlier, Execution, Runner


class LateRunner:
    """A runner that is created with the first query, because its engine takes long to import."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._runner: Runner | None = None
        self._making = threading.Lock()

    def submit(self, execution: Execution, prepared: dict[str, Any], earlier: Earlier) -> None:
        """Queue a query; ``earlier`` returns the execution whose results it may have again, once it is resolved."""
        from localaws.athena.executions import Runner  # imported with the first query

        with self._making:
            self._runner = self._runner or Runner(self.ctx)
        self._runner.submit(execution, prepared, earlier)

    def close(self) -> None:
        """Cancel queued and running queries, and wait for the threads to end."""
        if self._runner is not None:
            self._runner.close()


#: The runner of the local AWS that was installed last; moto's backends are one per process as well.
_runners: list[LateRunner] = []


def use_runner(runner: LateRunner) -> None:
    """Send queries to ``runner`` from now on."""
    _runners.append(runner)


def drop_runner(runner: LateRunner) -> None:
    """Stop sending queries to ``runner``, and stop it."""
    _runners.remove(runner)
    runner.close()


def running() -> LateRunner:
    """Return the runner that queries are sent to."""
    return _runners[-1]
