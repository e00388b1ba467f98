"""`sluice outputs` prints all outputs of the stacks, or the value of one alone, as a shell puts it into a variable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sluice.cli import app, deployment
from sluice.cli.deployment import Deployment

FOUND = {"LandingBucketName": "shop-landing", "LakeBucketName": "shop-lake", "DatabasePrefix": "-"}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "deployed", lambda *_: Deployment(FOUND))


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        app(["outputs", *arguments])
    return int(str(end.value.code))


@pytest.mark.parametrize("name", FOUND)
def test_the_value_of_a_named_output_stands_alone(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(name) == 0
    assert capsys.readouterr().out == f"{FOUND[name]}\n"
    assert ended(name, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {name: FOUND[name]}


def test_without_a_name_all_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended() == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == sorted(map(list, FOUND.items()))
    assert ended("--json") == 0
    assert json.loads(capsys.readouterr().out) == FOUND


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("landingbucketname", "LandingBucketName"),
        ("LandingBucket", "LandingBucketName"),
        ("LakeBucketNam", "LakeBucketName"),
        ("database-prefix", "DatabasePrefix"),
        ("", None),
        ("x" * 5000, None),
        ("zzz", None),
    ],
)
def test_an_output_that_there_is_not_is_a_wrong_argument_and_nothing_is_printed(
    given: str, near: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(given, "--json") == 2
    said = capsys.readouterr()
    told: dict[str, Any] = json.loads(said.err)
    assert (said.out, told["error"]) == ("", "WrongArgument")
    assert all(name in told["what"] for name in FOUND)
    assert len(told["what"]) < 400
    assert (f"did you mean {near!r}?" in told["what"]) if near else ("did you mean" not in told["what"])
