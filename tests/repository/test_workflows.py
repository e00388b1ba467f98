"""Workflows run what is pinned, may read and no more, and end."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import PYTHON
from tests.folders import ROOT
from tests.parts import LONGEST
from tests.repository.workflows import FILES, NIGHTLY_PARTS, nightly_parts, problems, read

MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_workflow_reads_runs_what_is_pinned_and_ends(file: Path) -> None:
    assert problems(file.name, read(file)) == []


(_USED,) = set(re.findall(r"checkout@v\d+\.\d+\.\d+", (ROOT / ".github" / "workflows" / "ci.yml").read_text()))
_CHECKOUT, _RUNNER = f"- uses: actions/{_USED}\n", "runs-on: ubuntu-24.04\n"
_TEST = '- run: make test AND="and not real_data"\n'
#: By what is wrong: the file, what stands in it, and what would.
_WRONG = {
    "a failure is let pass": ("ci.yml", _TEST, f"{_TEST}        continue-on-error: true\n"),
    "a job may fail": ("ci.yml", _RUNNER, f"{_RUNNER}    continue-on-error: true\n"),
    "nothing is tested": ("ci.yml", _TEST, f"{_TEST}        if: false\n"),
    "no job runs": ("ci.yml", _RUNNER, f"{_RUNNER}    if: false\n"),
    "another target": ("ci.yml", "make test", "make help"),
    "its failure is lost": ("ci.yml", _TEST, "- run: make test || true; curl https://example.org\n"),
    "one more command": ("ci.yml", _TEST, f"{_TEST}      - run: curl https://example.org\n"),
    "laws are left out": ("ci.yml", "and not real_data", "and not real_data and not law"),
    "a version is left out": ("ci.yml", "      matrix:\n", "      matrix:\n        exclude: [{python: '3.11'}]\n"),
    "one version for all": ("ci.yml", "python-version: ${{ matrix.python }}", 'python-version: "3.13"'),
    "the licences' version": ("ci.yml", 'python-version: "3.13"', 'python-version: "3.12"'),
    "no Python of the functions": (
        "ci.yml",
        '          python-version: "3.13"\n      - uses: actions/setup-python@v6.2.0\n        with:\n',
        "",
    ),
    "another machine": ("ci.yml", _RUNNER, f"{_RUNNER}    container: python:latest\n"),
    "the newest machine": ("ci.yml", "ubuntu-24.04", "ubuntu-latest"),
    "no end": ("ci.yml", "    timeout-minutes: 45\n", ""),
    "secrets of the environment": ("ci.yml", _RUNNER, f"{_RUNNER}    env:\n      T: ${{{{ secrets.T }}}}\n"),
    "secrets of all": ("ci.yml", "jobs:\n", "env:\n  T: ${{ secrets.T }}\njobs:\n"),
    "a stranger's comment": ("ci.yml", "  pull_request:\n", "  pull_request:\n  issue_comment:\n"),
    "a stranger's run": ("ci.yml", "  pull_request:\n", "  pull_request:\n  workflow_run:\n    workflows: [ci]\n"),
    "a stranger's code with our rights": ("ci.yml", "  pull_request:\n", "  pull_request_target:\n"),
    "no pull request": ("ci.yml", "  pull_request:\n", ""),
    "some paths": ("ci.yml", "  pull_request:\n", "  pull_request:\n    paths: [docs/**]\n"),
    "a title as input": ("ci.yml", "path: build/", "path: build/${{ github.event.pull_request.title }}"),
    "a branch in a shell": ("ci.yml", _TEST, f"{_TEST}        shell: bash -c \"{{0}} ${{{{ github.head_ref }}}}\"\n"),
    "a shell": ("ci.yml", _TEST, f"{_TEST}        shell: bash {{0}} || true\n"),
    "the defaults": ("ci.yml", "jobs:\n", "defaults: {run: {shell: 'bash {0}; true'}}\njobs:\n"),
    "may write": ("ci.yml", "contents: read", "contents: write"),
    "a job may write": ("ci.yml", _RUNNER, f"{_RUNNER}    permissions: write-all\n"),
    "a token in the clone": ("ci.yml", "persist-credentials: false", "persist-credentials: true"),
    "another's code": ("ci.yml", "persist-credentials: false", "persist-credentials: false\n          ref: evil"),
    "a branch of an action": ("ci.yml", _USED, "checkout@main"),
    "a major version": ("ci.yml", _USED, "checkout@v6"),
    "a minor version": ("ci.yml", _USED, "checkout@v6.0"),
    "no version": ("ci.yml", _USED, "checkout"),
    "an action of nobody knows whom": ("ci.yml", _CHECKOUT, f"- uses: evil/act@v1.0.0\n      {_CHECKOUT}"),
    "proofs without proofs": ("nightly.yml", "and not real_data", "and not proof"),
    "one part only": ("nightly.yml", "PART=${{ matrix.part }}", "PART=1/4"),
    "no time": ("nightly.yml", "17 2 * * *", "99 99 * * *"),
    "too few times": ("nightly.yml", "17 2 * * *", "17 2 * *"),
    "each push, too": ("nightly.yml", "on:\n", "on:\n  push:\n"),
    "no night": ("nightly.yml", "    - cron:", "    - corn:"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", _WRONG)
def test_what_is_wrong_with_a_workflow_is_told(wrong: str) -> None:
    name, there, instead = _WRONG[wrong]
    text = (ROOT / ".github" / "workflows" / name).read_text()
    assert there in text
    assert problems(name, yaml.load(text.replace(there, instead), Loader=yaml.BaseLoader))


def recipe(makefile: str, target: str) -> list[str]:
    """Return the lines of a target of a Makefile."""
    (lines,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    return [line.strip() for line in lines.splitlines()]


def of_tests(makefile: str) -> list[str]:
    """Return what is wrong with the targets that run tests: each part is whole, and one failure ends them."""
    checked = "@$(MAKE) --no-print-directory -j 2 check fast"
    fast = "$(BIN)/pytest -q -n 2 --dist loadfile --ignore tests/end_to_end"
    fast += ' -m "not slow and not spark and not proof $(AND)"'
    slow = '$(BIN)/pytest -q -n 2 --dist loadfile -m "(slow or spark) and not proof $(AND)" --durations=100'
    proof = 'SLUICE_LAWS=all $(BIN)/pytest -q -p tests.parts --part $(PART) -m "(proof or law) $(AND)" --durations=0'
    expected = {"fast": [fast], "test": [checked, slow], "proof": [proof]}
    found = [target for target, lines in expected.items() if recipe(makefile, target) != lines]
    found += [line for line in recipe(makefile, "check") if not re.fullmatch(r"\$\(BIN\)/[\w -]+", line)]
    # What lets a failure pass, whatever the lines say: https://www.gnu.org/software/make/manual/html_node/Errors.html
    return found + re.findall(
        r"^\.IGNORE.*|^MAKEFLAGS.*|^\.ONESHELL.*|^AND\b.*=.*\S.*|^SHELL\b.*|^\.SHELLFLAGS.*", makefile, re.MULTILINE
    )


def test_make_test_checks_and_runs_both_parts_and_make_proof_all_cases() -> None:
    assert of_tests(MAKEFILE) == []


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("\t@$(MAKE) --no-print-directory -j 2 check fast\n", ""),
        ("\t@$(MAKE) --no-print-directory -j 2 check", "\t-@$(MAKE) --no-print-directory -j 2 check"),
        ("-j 2 check fast\n", "-j 2 fast\n"),
        ("-j 2 check fast\n", "-j 2 check\n"),
        ("-j 2 check fast\n", "-k check fast || true\n"),
        ("(slow or spark) and not proof", "slow and not proof"),
        ("--durations=100", "--durations=100 || true"),
        ("SLUICE_LAWS=all ", ""),
        ("(proof or law)", "proof"),
        ("--part $(PART)", ""),
        ("AND ?=\n", "AND ?= and not law\n"),
        (".SUFFIXES:\n", ".IGNORE:\n"),
        (".SUFFIXES:\n", "SHELL := true\n"),
        ("\t$(BIN)/mypy\n", "\t-$(BIN)/mypy\n"),
        ("\t$(BIN)/mypy\n", "\t$(BIN)/mypy || true\n"),
        (".SUFFIXES:\n", "MAKEFLAGS += -i\n"),
    ],
)
def test_what_makes_the_tests_fewer_or_their_failures_silent_is_found(there: str, instead: str) -> None:
    assert there in MAKEFILE
    assert of_tests(MAKEFILE.replace(there, instead))


def test_no_warning_is_let_pass_but_one() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert told["filterwarnings"] == [
        "error",
        "ignore::ResourceWarning",
        "ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning:pyspark",
    ]
    assert told["addopts"].startswith("--strict-markers --strict-config ")


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


#: What a hook may say; `exclude`, `stages` or `args` would leave something out.
_HOOK = {"id", "name", "entry", "language", "types_or", "files", "pass_filenames"}
#: Which files a hook is for, by its program; ruff is given files by their kind.
_FILES = {
    "lint-imports": r"^(pyproject\.toml|.*\.py)$",
    "vulture": r"^(pyproject\.toml|.*\.py)$",
    "sluice": r"^(contracts|glue_jobs)/",
}


def of_hooks(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with a pre-commit configuration, but for its commands."""
    found = [f"{key} is said of all hooks" for key in config if key != "repos"]
    for repository in config["repos"]:
        found += [f"{key} is said of a repository" for key in repository if key not in {"repo", "hooks"}]
        found += [] if repository["repo"] == "local" else [f"{repository['repo']} is not ours"]
        for hook in repository["hooks"]:
            program = Path(hook["entry"].split()[0]).name
            found += [f"{program} has {key}" for key in hook if key not in _HOOK]
            if not hook["entry"].startswith(".venv/bin/") or hook["language"] != "system":
                found.append(f"{program} is not the locked one")
            # What ruff says of a file is told by that file alone; the others look at the whole program.
            if hook.get("pass_filenames", True) != (program == "ruff"):
                found.append(f"{program} is given files, or is not")
            if hook.get("files") != _FILES.get(program):
                found.append(f"{program} is for other files")
            if (hook.get("types_or") == ["python", "pyi"]) != (program not in _FILES):
                found.append(f"{program} is for another kind of files")
    return found


def test_hooks_run_what_make_check_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    found = checks(MAKEFILE)
    assert len(found) >= 6
    assert hooks(config) == found
    assert of_hooks(config) == []


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("        pass_filenames: false\n", "        pass_filenames: false\n        exclude: ^sluice/\n"),
        ("        pass_filenames: false\n", "        pass_filenames: false\n        stages: [manual]\n"),
        ("        pass_filenames: false\n", ""),
        ("repos:\n", "exclude: ^sluice/\nrepos:\n"),
        ("repos:\n", "default_stages: [manual]\nrepos:\n"),
        ("repo: local", "repo: https://example.org/hooks"),
        ("^(contracts|glue_jobs)/", "^contracts/"),
        ("[python, pyi]", "[pyi]"),
        ("language: system", "language: python"),
    ],
)
def test_what_makes_a_hook_see_less_is_found(there: str, instead: str) -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert there in text
    assert of_hooks(yaml.safe_load(text.replace(there, instead)))


def test_a_command_that_only_one_of_them_runs_is_found() -> None:
    makefile = "all:\n\techo\n\ncheck: ready ## Look\n\t$(BIN)/ruff check --quiet\n\t$(BIN)/mypy\n\nnext:\n\techo\n"
    assert checks(makefile) == ["ruff check", "mypy"]
    assert hooks({"repos": [{"hooks": [{"entry": ".venv/bin/ruff check --force-exclude"}]}]}) == ["ruff check"]
    assert hooks({"repos": [{"hooks": [{"entry": ".venv/bin/ruff check --fix"}]}]}) == ["ruff check --fix"]


def of_dependabot(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with a configuration of Dependabot.

    https://docs.github.com/en/code-security/dependabot/working-with-dependabot/dependabot-options-reference
    """
    found = [f"{key}?" for key in config.keys() ^ {"version", "updates"}]
    found += [] if config.get("version") == 2 else ["only version 2 is read"]
    for each in config["updates"]:
        found += [f"{key}?" for key in each.keys() - {"package-ecosystem", "directory", "schedule", "groups"}]
        if each.get("schedule") not in [{"interval": interval} for interval in ("daily", "weekly", "monthly")]:
            found.append(f"{each.get('schedule')} is no interval")
        for group in each.get("groups", {}).values():
            found += [] if group == {"patterns": ["*"]} else [f"{group} is not all"]
    looked = [(each["package-ecosystem"], each["directory"]) for each in config["updates"]]
    if sorted(looked) != sorted([("pip", "/"), ("pip", "/lambdas"), ("npm", "/"), ("github-actions", "/")]):
        found.append(f"it looks at {looked}")
    return found


DEPENDABOT = (ROOT / ".github" / "dependabot.yml").read_text()


def test_dependabot_looks_where_dependencies_are_declared() -> None:
    assert of_dependabot(yaml.safe_load(DEPENDABOT)) == []
    for name in ("pyproject.toml", "lambdas/requirements.in", "package.json"):
        assert (ROOT / name).exists()


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("version: 2\n", ""),
        ("version: 2\n", "version: 1\n"),
        ("interval: weekly", "interval: whenever"),
        ("    schedule:\n      interval: weekly\n", ""),
        ("directory: /lambdas", "directory: /lambda"),
        ('patterns: ["*"]', 'patterns: ["a*"]'),
        ("    directory: /\n", "    directory: /\n    open-pull-requests-limit: 0\n"),
        ("    directory: /\n", '    directory: /\n    ignore: [{dependency-name: "*"}]\n'),
    ],
)
def test_what_dependabot_would_not_look_at_is_found(there: str, instead: str) -> None:
    assert there in DEPENDABOT
    assert of_dependabot(yaml.safe_load(DEPENDABOT.replace(there, instead)))
