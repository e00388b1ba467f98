"""The workflows of `.github`, as tests read them, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infra.config import PYTHON
from tests.folders import ROOT

#: A tag of a release, or a commit: what `v4` or `main` name changes under whoever names it.
PINNED = re.compile(r"[\w.-]+/[\w./-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})")
#: By file and job: the commands, each whole.
COMMANDS = {
    ("ci.yml", "test"): ['make test AND="and not real_data"'],
    ("ci.yml", "licences"): ["make sbom"],
    ("nightly.yml", "proof"): ['make proof PART=${{ matrix.part }} AND="and not real_data"'],
}
#: By file: what starts it. What a stranger starts (`issue_comment`, `workflow_run`, `pull_request_target`) runs with
#: the repository's own rights: https://docs.github.com/en/actions/reference/security/secure-use
TRIGGERS: dict[str, Any] = {
    "ci.yml": {"push": {"branches": ["main"]}, "pull_request": ""},
    "nightly.yml": {"schedule": [{"cron": ...}], "workflow_dispatch": ""},
}
#: By action: what it is told, besides `python-version`.
TOLD: dict[str, dict[str, str]] = {
    "actions/checkout": {"persist-credentials": "false"},
    "actions/setup-python": {},
    "actions/upload-artifact": {"name": "sbom", "path": "build/", "if-no-files-found": "error"},
}
#: Which keys are known where: any other (`if`, `continue-on-error`, `env`, `container`, `shell`, `exclude`) is told.
_KEYS = {
    "a workflow": {"name", "on", "permissions", "concurrency", "jobs"},
    "concurrency": {"group", "cancel-in-progress"},
    "a job": {"runs-on", "timeout-minutes", "strategy", "steps"},
    "a strategy": {"fail-fast", "matrix"},
    "a step": {"name", "uses", "with", "run"},
}
#: By job with a matrix: its only axis.
_AXES = {"test": "python", "proof": "part"}
#: Minute, hour, day of the month, month, day of the week: https://en.wikipedia.org/wiki/Cron
_CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))

FILES = sorted((ROOT / ".github" / "workflows").iterdir())


def read(file: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for the boolean true; the base loader keeps every scalar as its text.
    return yaml.load(file.read_text(), Loader=yaml.BaseLoader)


def nightly_parts() -> list[str]:
    """The parts of `make proof` that a night runs."""
    (job,) = read(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"].values()
    return list(job["strategy"]["matrix"]["part"])


NIGHTLY_PARTS = len(nightly_parts())


def problems(name: str, workflow: dict[str, Any]) -> list[str]:
    """Return a sentence for all that is wrong with the workflow in the file ``name``."""
    return list(_problems(name, workflow))


def _problems(name: str, workflow: dict[str, Any]) -> Iterator[str]:
    yield from _unknown("a workflow", workflow)
    yield from _unknown("concurrency", workflow["concurrency"])
    if workflow["permissions"] != {"contents": "read"}:
        yield f"it may {workflow['permissions']}"
    yield from _triggers(TRIGGERS[name], workflow["on"])
    if sorted(workflow["jobs"]) != sorted(job for file, job in COMMANDS if file == name):
        yield f"its jobs are {sorted(workflow['jobs'])}"
    for title, job in workflow["jobs"].items():
        yield from _of_job(title, job)
        if [step["run"] for step in job["steps"] if "run" in step] != COMMANDS.get((name, title)):
            yield f"{title} runs other commands"
    for text in _texts({key: value for key, value in workflow.items() if key != "concurrency"}):
        for expression in re.findall(r"\$\{\{(.*?)\}\}", text, re.DOTALL):
            # It is pasted into the text: a branch's name or a title can be a command, and a secret can be sent away.
            if not re.fullmatch(r"matrix\.(python|part)", expression.strip()):
                yield f"{expression}: no value of the matrix"


def _unknown(where: str, found: dict[str, Any]) -> Iterator[str]:
    yield from (f"{where} has {key}" for key in sorted(found.keys() - _KEYS[where]))


def _triggers(expected: dict[str, Any], found: Any) -> Iterator[str]:
    crons = [each.get("cron", "") for each in found.get("schedule", [])]
    yield from (f"{cron!r} is no time" for cron in crons if not is_cron(cron))
    if "schedule" in found:
        found = {**found, "schedule": [{**each, "cron": ...} for each in found["schedule"]]}
    if found != expected:
        yield f"it is started by {found}"


def is_cron(text: str) -> bool:
    """Whether this is a time that cron knows, in the forms that are used here: numbers and ``*``."""
    fields = text.split(" ")
    return len(fields) == len(_CRON) and all(
        field == "*" or (field.isdecimal() and low <= int(field) <= high)
        for field, (low, high) in zip(fields, _CRON, strict=True)
    )


def _of_job(title: str, job: dict[str, Any]) -> Iterator[str]:
    yield from _unknown("a job", job)
    matrix = job.get("strategy", {}).get("matrix", {})
    yield from _unknown("a strategy", job.get("strategy", {}))
    if set(matrix) != {_AXES[title]} if title in _AXES else matrix:
        yield f"the matrix of {title} has {sorted(matrix)}"
    if not 0 < int(job.get("timeout-minutes", 0)) <= 150:
        yield "no end is set, or one after 150 minutes"
    if not re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]):
        yield f"{job['runs-on']}: not a version"
    pythons: list[str] = []
    for step in job["steps"]:
        yield from _unknown("a step", step)
        if used := step.get("uses"):
            yield from _of_action(used, dict(step.get("with", {})), pythons)
    # The functions' own makes their bytecode; what is set up last is `python`.
    wanted = [PYTHON, "${{ matrix.python }}"] if "python" in matrix else [PYTHON]
    if pythons != wanted:
        yield f"Python is {pythons}, not {wanted}"


def _of_action(used: str, told: dict[str, str], pythons: list[str]) -> Iterator[str]:
    if not PINNED.fullmatch(used):
        yield f"{used}: not pinned"
    action = used.partition("@")[0]
    if action == "actions/setup-python":
        pythons.append(told.pop("python-version", ""))
    if told != TOLD.get(action):
        yield f"{action} is told {told}"


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a tree, its keys too."""
    if isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in _texts(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _texts(each))
    else:
        yield str(value)
