"""What an owner's own app declares is told in words where it lacks what a deployment needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.deploying import changed_tables
from sluice.errors import CommandError
from sluice.folders import ProjectFolder


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "declares no stack with the data of dev, …-dev-storage: no stack."),
        (["x"], "declares no stack with the data of dev, …-dev-storage: x."),
        (["shop-prod-storage"], "declares no stack with the data of dev"),
        (["one-dev-storage", "two-dev-storage"], "declares several stacks with the data of dev"),
    ],
)
def test_an_app_without_one_stack_that_has_the_data_is_named(tmp_path: Path, names: list[str], what: str) -> None:
    stacks = [DeclaredStack(name, tmp_path / "t.json", "s3://b/k", {}, {}, ()) for name in names]
    with pytest.raises(CommandError, match=r"infra/app\.py") as refused:
        changed_tables(ProjectFolder(tmp_path), stacks, "dev")
    assert what in refused.value.what
    assert refused.value.file == str(tmp_path / "infra" / "app.py")
