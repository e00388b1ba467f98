from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lambdas.cloudformation import CloudFormation


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    found = CloudFormation()
    yield found
    found.server.shutdown()
