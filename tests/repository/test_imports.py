"""Every law of imports: `make check` fails when it is broken, and names the import that breaks it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sluice.folders import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
#: By law: the module that breaks it, what it would import, and how the linter names that.
TRIALS = {
    "directions": ("lambdas/sweep/handler.py", "infra.config", "lambdas.sweep.handler -> infra.config"),
    "localaws-alone": ("localaws/metrics.py", "sluice.errors", "localaws.metrics -> sluice.errors"),
    "aws-only": ("infra/grants.py", "localaws.context", "infra.grants -> localaws.context"),
    "sluice-layers": (
        "sluice/tables/schema.py",
        "sluice.ingestion.stage",
        "sluice.tables.schema -> sluice.ingestion.stage",
    ),
    "localaws-layers": ("localaws/sqs/queues.py", "localaws.functions", "localaws.sqs.queues -> localaws.functions"),
    "no-cycles": ("shopsphere/generate/files.py", "shopsphere.generate.orders", "files"),
    "spark-standard-library": ("glue_jobs/money.py", "orjson", "glue_jobs.money -> orjson"),
    "lean-functions": ("sluice/ingestion/formats/csv.py", "pandas", "sluice.ingestion.formats.csv -> pandas"),
    "no-tests": ("sluice/ledger.py", "hypothesis", "sluice.ledger -> hypothesis"),
    "no-cdk": ("localaws/timers.py", "aws_cdk", "localaws.timers -> aws_cdk"),
}


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, ''); {program}", "--no-cache", "--no-logo"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_each_law_has_a_trial() -> None:
    assert {law["id"] for law in SETTINGS["contracts"]} == set(TRIALS)


@pytest.mark.slow
def test_breaking_a_law_of_imports_fails_the_check(tmp_path: Path) -> None:
    for package in SETTINGS["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    laws = tmp_path / "tests" / "repository"
    laws.mkdir(parents=True)
    for folder in (laws.parent, laws):
        (folder / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "repository" / "import_laws.py", laws)
    sound = linted(tmp_path)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert f"{len(TRIALS)} kept, 0 broken" in sound.stdout

    for path, imported, _ in TRIALS.values():
        file = tmp_path / path
        file.write_text(f"{file.read_text()}\n\ndef _broken() -> None:\n    import {imported}  # noqa: F401\n")
    broken = linted(tmp_path)
    assert broken.returncode == 1
    assert f"0 kept, {len(TRIALS)} broken" in broken.stdout, broken.stdout
    for _, _, named in TRIALS.values():
        assert named in broken.stdout


#: Tests of how imports are found: what their texts import is made up.
MADE_UP = {"tests/infra/test_imports.py", "tests/repository/test_public.py"}


def imported_in_texts(file: Path) -> set[tuple[str, str]]:
    """Module and name of ours that code in the file's texts imports; such code runs in a process of its own."""
    texts = [n.value for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant) and n.value]
    ours = "|".join([*SETTINGS["root_packages"], "tests"])
    found = [each for text in texts if isinstance(text, str) for each in re.findall(_IMPORT.format(ours=ours), text)]
    return {(module, name.split()[0]) for module, names in found for name in names.split(",") if name.strip()}


_IMPORT = r"from ((?:{ours})[\w.]*) import ([\w, ]+)"


def test_what_code_in_texts_imports_is_there() -> None:
    missing = []
    for file in sorted((ROOT / "tests").rglob("*.py")):
        if file.relative_to(ROOT).as_posix() in MADE_UP:
            continue
        for module, name in imported_in_texts(file):
            place = ROOT.joinpath(*module.split("."))
            source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            there = source.exists() and re.search(rf"\b{name}\b", source.read_text())
            if not there and not (place / name).is_dir() and not (place / f"{name}.py").exists():
                missing.append((file.name, module, name))
    assert missing == []
