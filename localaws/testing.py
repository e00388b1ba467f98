"""A fixture for pytest: ``pytest_plugins = ["localaws.testing"]`` in a ``conftest.py`` brings ``local_aws``.

It is no plugin that pytest loads by itself, so that it costs nothing where nobody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from localaws.server import LocalAws

__all__ = ["local_aws"]


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """Yield an empty local AWS on a free port, for all tests of the session; it ends with them.

    While it runs, the environment of this process points AWS's SDKs at it, and away from any account.
    """
    from localaws.server import LocalAws

    with LocalAws.start(scratch=tmp_path_factory.mktemp("local-aws")) as running:
        yield running
