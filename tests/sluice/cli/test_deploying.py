"""What an owner's own app declares is told in words where it lacks what a deployment needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.cli import deploying
from sluice.cli.change_sets import ResourceChange, StackChange
from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.deploying import Outcome, changed_tables, deploy
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


@pytest.mark.parametrize("accepted", [False, True])
def test_what_follows_from_what_was_deployed_is_shown_and_refused_as_the_first_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accepted: bool
) -> None:
    def change(name: str, *, lost: bool) -> StackChange:
        resource = ResourceChange("Queue", "AWS::SQS::Queue", "Modify", lost)
        return StackChange(
            DeclaredStack(name, tmp_path / "t.json", "", {}, {}, ()), "c", new=False, resources=(resource,)
        )

    first, second = change("storage", lost=False), change("ingestion", lost=True)
    executed, discarded, shown = [], [], []
    for name in ("refuse_moved", "declared_stacks", "_drop", "start_refresh", "deployed", "needed_project"):
        monkeypatch.setattr(deploying, name, lambda *_: None)
    monkeypatch.setattr(deploying, "_difference", lambda *_: Outcome([first], []))
    monkeypatch.setattr(deploying, "prepare", lambda _: [second])
    monkeypatch.setattr(deploying, "execute", lambda change, _: executed.append(change.stack.name))
    monkeypatch.setattr(deploying, "discard", lambda changes: discarded.extend(each.stack.name for each in changes))

    def run() -> Outcome:
        show = lambda outcome: shown.append([each.stack.name for each in outcome.stacks])  # noqa: E731
        return deploy([], "dev", accept_data_loss=accepted, show=show, assembly=tmp_path)

    if accepted:
        assert [each.stack.name for each in run().stacks] == executed == ["storage", "ingestion"]
    else:
        with pytest.raises(CommandError, match=r"ingestion: Queue .* is deleted with what is in it") as refused:
            run()
        assert (executed, discarded) == (["storage"], ["ingestion"])
        assert "nothing was deployed" not in refused.value.safe
    assert shown == [["storage"], ["ingestion"]]
