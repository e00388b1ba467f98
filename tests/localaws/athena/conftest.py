"""What several modules of these tests ask: an engine without a server, for queries that read nothing from S3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.athena.engine import QueryEngine
from localaws.context import Context


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    """A query engine that is closed when the module has ended."""
    context = Context(endpoint="http://127.0.0.1:1", scratch=tmp_path_factory.mktemp("athena"))
    found = QueryEngine(context, account="123456789012", region="us-east-1")
    yield found
    found.close()


@pytest.fixture(autouse=True)
def nothing_unforeseen(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test whose refusals are no refusals, but errors of Python's that were told as such."""
    yield
    if request.node.get_closest_marker("unforeseen") is not None:
        return
    found = [
        record.getMessage()
        for phase in ("setup", "call")
        for record in caplog.get_records(phase)
        if any(told in str(record.msg) for told in ("could not be planned", "could not be rewritten"))
    ]
    assert not found, found[:3]
