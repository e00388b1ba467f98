"""Workflows run what is pinned, may read and no more, and end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import PYTHON
from sluice.folders import ROOT
from tests.parts import LONGEST
from tests.repository.workflows import FILES, NIGHTLY_PARTS, nightly_parts, read

#: A tag of a release, or a commit: what `v4` or `main` name changes under whoever names it.
PINNED = re.compile(r"[\w.-]+/[\w./-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})")
TARGETS = set(re.findall(r"^([a-z_-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def jobs() -> list[Any]:
    return [pytest.param(job, id=f"{file.name}:{name}") for file in FILES for name, job in read(file)["jobs"].items()]


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job["steps"])


def problems(job: dict[str, Any]) -> list[str]:
    found = [f"{used}: not pinned" for step in steps(job) if (used := step.get("uses")) and not PINNED.fullmatch(used)]
    found += [
        "the checkout leaves its token in the clone"
        for step in steps(job)
        if step.get("uses", "").startswith("actions/checkout@")
        and step.get("with", {}).get("persist-credentials") != "false"
    ]
    if not 0 < int(job.get("timeout-minutes", 0)) <= 150:
        found.append("no end is set, or one after 150 minutes")
    if not re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]):
        found.append(f"{job['runs-on']}: not a version")
    return found


@pytest.mark.parametrize("job", jobs())
def test_a_job_runs_what_is_pinned_and_ends(job: dict[str, Any]) -> None:
    assert problems(job) == []


@pytest.mark.parametrize(
    "used", ["actions/checkout@main", "actions/checkout@v6", "actions/checkout@v6.0", "actions/checkout", "./local@v1"]
)
def test_what_is_not_pinned_is_found(used: str) -> None:
    job = {"runs-on": "ubuntu-24.04", "timeout-minutes": "5", "steps": [{"uses": used}]}
    assert f"{used}: not pinned" in problems(job)


@pytest.mark.parametrize("job", jobs())
def test_a_job_runs_targets_of_the_makefile(job: dict[str, Any]) -> None:
    commands = [step["run"] for step in steps(job) if "run" in step]
    assert commands
    for command in commands:
        assert re.match(r"make ([a-z]+)", command)[1] in TARGETS, command  # type: ignore[index]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_workflow_may_read_and_runs_once_at_a_time(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert workflow["concurrency"]["group"]
    assert "pull_request_target" not in workflow["on"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_command_holds_what_a_stranger_may_write(file: Path) -> None:
    # An expression is pasted into the shell's text: a branch's name or a title can be a command.
    for job in read(file)["jobs"].values():
        for step in steps(job):
            for expression in re.findall(r"\$\{\{(.*?)\}\}", step.get("run", "")):
                assert expression.strip().startswith("matrix.")


def grouped(expression: str, ref: str, sha: str) -> str:
    """Answer the expressions of GitHub's that a concurrency group may hold, as GitHub does: `a == b && c || d`."""
    values = {"github.ref": ref, "github.sha": sha}

    def answer(found: re.Match[str]) -> str:
        condition, _, otherwise = found[1].partition(" || ")
        if not otherwise:
            return values[condition]
        asked, wanted, then = re.fullmatch(r"(\S+) == '(\S+)' && (\S+)", condition).groups()  # type: ignore[union-attr]
        return values[then] if values[asked] == wanted else values[otherwise]

    return re.sub(r"\$\{\{ (.*?) \}\}", answer, expression)


def test_on_main_each_commit_has_its_answer_and_a_pull_request_its_last() -> None:
    # GitHub cancels what waits in a group when another comes, whether what runs is left running or not.
    concurrency = read(ROOT / ".github" / "workflows" / "ci.yml")["concurrency"]

    def groups(ref: str) -> set[str]:
        return {grouped(concurrency["group"], ref, sha) for sha in ("a", "b", "c")}

    assert len(groups("refs/heads/main")) == 3
    assert len(groups("refs/pull/1/merge")) == 1
    assert groups("refs/pull/1/merge") != groups("refs/pull/2/merge")
    # It decides about branches only: nothing of main shares a group, but a commit that is run again.
    assert concurrency["cancel-in-progress"] == "${{ github.ref != 'refs/heads/main' }}"


def test_ci_tests_the_oldest_python_and_the_functions_own() -> None:
    matrix = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    oldest = re.search(r'requires-python = ">=(\d+\.\d+)', (ROOT / "pyproject.toml").read_text())
    assert oldest
    assert matrix["python"] == [oldest[1], PYTHON]


def test_a_night_runs_every_part_of_the_proofs_with_time_to_spare() -> None:
    assert nightly_parts() == [f"{number}/{NIGHTLY_PARTS}" for number in range(1, NIGHTLY_PARTS + 1)]
    (job,) = read(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"].values()
    assert int(job["timeout-minutes"]) * 60 >= 1.5 * LONGEST


#: What a hook says otherwise than `make check`: it is given files and is to leave out what ruff is told to; it tells.
_OF_HOOKS, _OF_CHECK = ("--force-exclude",), ("--quiet",)


def bare(command: str, without: tuple[str, ...]) -> str:
    """Return a command without the folder it is in and without some options."""
    program, *words = command.split()
    return " ".join([Path(program).name, *(word for word in words if word not in without)])


def checks(makefile: str) -> list[str]:
    """Return the commands of a Makefile's `check`, in order."""
    (recipe,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    return [bare(line.strip().replace("$(BIN)", "bin"), _OF_CHECK) for line in recipe.splitlines()]


def hooks(config: dict[str, Any]) -> list[str]:
    """Return the commands of the hooks of a pre-commit configuration, in order."""
    return [bare(hook["entry"], _OF_HOOKS) for repository in config["repos"] for hook in repository["hooks"]]


def test_hooks_run_what_make_check_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    found = checks((ROOT / "Makefile").read_text())
    assert len(found) >= 6
    assert hooks(config) == found
    for hook in (hook for repository in config["repos"] for hook in repository["hooks"]):
        assert hook["entry"].startswith(".venv/bin/")
        assert hook["language"] == "system"
        # What ruff says of a file is told by that file alone; the others look at the whole program.
        assert hook.get("pass_filenames", True) == hook["entry"].startswith(".venv/bin/ruff ")


def test_a_command_that_only_one_of_them_runs_is_found() -> None:
    makefile = "all:\n\techo\n\ncheck: ready ## Look\n\t$(BIN)/ruff check --quiet\n\t$(BIN)/mypy\n\nnext:\n\techo\n"
    assert checks(makefile) == ["ruff check", "mypy"]
    assert hooks({"repos": [{"hooks": [{"entry": ".venv/bin/ruff check --force-exclude"}]}]}) == ["ruff check"]
    assert hooks({"repos": [{"hooks": [{"entry": ".venv/bin/ruff check --fix"}]}]}) == ["ruff check --fix"]


def test_dependabot_looks_where_dependencies_are_declared() -> None:
    declared = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    looked = {(each["package-ecosystem"], each["directory"]) for each in declared}
    assert looked == {("pip", "/"), ("pip", "/lambdas"), ("npm", "/"), ("github-actions", "/")}
    for ecosystem, directory in looked - {("github-actions", "/")}:
        names = {"pip": ("pyproject.toml", "requirements.in"), "npm": ("package.json",)}[ecosystem]
        assert any((ROOT / directory.strip("/") / name).exists() for name in names)
