from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localaws.server import LocalAws


@pytest.fixture(scope="package")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws.start(scratch=tmp_path_factory.mktemp("localaws")) as running:
        yield running


@pytest.fixture
def stack_name() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def deploy(local_aws: LocalAws, stack_name: str) -> Callable[..., Any]:
    """Deploys resources as one stack of this test's own: deploy(Queue={"Type": …}); returns the stack."""

    def run(*, outputs: dict[str, Any] | None = None, tags: dict[str, str] | None = None, **resources: Any) -> Any:
        text = json.dumps({"Resources": resources, "Outputs": outputs or {}})
        return local_aws.engine.deploy(stack_name, text, tags=tags)

    return run
