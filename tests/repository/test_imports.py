"""Every law of imports: `make check` fails when it is broken, and names the import that breaks it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from infra.bundle import LOCK as LAYER
from infra.sbom import locked
from tests.folders import ROOT
from tests.repository.import_laws import hidden, no_packages, unknown_packages
from tests.repository.imported import SHIPPED


def dotted(path: str) -> str:
    """The name of the module in a file."""
    return path.removesuffix(".py").replace("/", ".")


SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
LAWS: dict[str, dict[str, Any]] = {law["id"]: law for law in SETTINGS["contracts"]}
ROOTS: list[str] = SETTINGS["root_packages"]
OTHERS = sorted({*ROOTS} - {"localaws"})
#: A module of each package, to plant an import in.
IN = {
    "sluice": "sluice/ledger.py",
    "localaws": "localaws/metrics.py",
    "infra": "infra/grants.py",
    "lambdas": "lambdas/sweep/handler.py",
    "glue_jobs": "glue_jobs/money.py",
    "shopsphere": "shopsphere/generating.py",
}
#: By law: modules that break it, each with what it would import and how the linter names that.
TRIALS: dict[str, list[tuple[str, str, str]]] = {
    "seen": [
        ("localaws/sqs/queues.py", "", "localaws.sqs.queues -> sluice.errors"),
        ("sluice/hidden/late.py", "os", "sluice/hidden/ has no __init__.py"),
        ("outside/__init__.py", "os", "outside is no package that the laws know"),
    ],
    "declared": [
        *((IN[package], "hypothesis", f"{dotted(IN[package])} -> hypothesis") for package in ROOTS),
        (IN["localaws"], "pytest", f"{dotted(IN['localaws'])} -> pytest"),
        ("localaws/testing.py", "hypothesis", "localaws.testing -> hypothesis"),
        *((IN["infra"], name, f"infra.grants -> {name}") for name in ("_pytest", "xdist", "jsonschema_rs", "attr")),
    ],
    "directions": [
        ("lambdas/sweep/handler.py", "infra.config", "lambdas.sweep.handler -> infra.config"),
        ("sluice/ledger.py", "glue_jobs.money", "sluice.ledger -> glue_jobs.money"),
        ("infra/grants.py", "shopsphere.generating", "infra.grants -> shopsphere.generating"),
    ],
    "localaws-alone": [(IN["localaws"], dotted(IN[p]), f"localaws.metrics -> {dotted(IN[p])}") for p in OTHERS],
    "aws-only": [(IN[p], "localaws.context", f"{dotted(IN[p])} -> localaws.context") for p in OTHERS],
    "sluice-layers": [
        ("sluice/tables/schema.py", "sluice.ingestion.stage", "sluice.tables.schema -> sluice.ingestion.stage"),
        ("sluice/lawless_a.py", "sluice.lawless_b", "sluice.lawless_a"),
    ],
    "localaws-layers": [
        ("localaws/sqs/queues.py", "localaws.functions", "localaws.sqs.queues -> localaws.functions"),
        ("localaws/lawless_a.py", "localaws.lawless_b", "localaws.lawless_a"),
    ],
    "no-cycles": [
        (f"{package}/lawless_{one}.py", f"{package}.lawless_{other}", f"No cycles are allowed in {package}.")
        for package in ROOTS
        for one, other in ("ab", "ba")
    ],
    "spark-standard-library": [
        ("glue_jobs/money.py", "orjson", "glue_jobs.money -> orjson"),
        ("sluice/refresh/spark/audit.py", "duckdb", "sluice.refresh.spark.audit -> duckdb"),
    ],
    "lean-functions": [
        ("lambdas/sweep/handler.py", "pandas", "lambdas.sweep.handler -> pandas"),
        ("sluice/ingestion/formats/csv.py", "rich", "sluice.ingestion.formats.csv -> rich"),
        ("sluice/ingestion/changes/envelopes/dms.py", "sqlglot", "sluice.ingestion.changes.envelopes.dms -> sqlglot"),
        # A registry that a function needs, and nobody has listed.
        ("sluice/kinds/toy.py", "moto", "sluice.kinds.toy -> moto"),
    ],
    "no-tests": [
        (IN[package], name, f"{dotted(IN[package])} -> {name}") for package in ROOTS for name in ("tests", "benchmarks")
    ],
    "no-cdk": [(IN["localaws"], name, f"localaws.metrics -> {name}") for name in ("aws_cdk", "constructs")],
}
#: What stands in the copy beside what is planted, for a trial of the laws' own blind spots.
BESIDE = {
    "sluice/kinds/__init__.py": "from sluice.found import found_in\n\nKINDS = found_in(__name__, 'KIND')\n",
    "lambdas/sweep/kinds.py": "from sluice.kinds import KINDS\n",
}
BY_TEXT = "import importlib\nimportlib.import_module('sluice.errors')\n"


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, ''); {program}", "--no-cache", "--no-logo"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "COLUMNS": "500"},
    )  # fmt: skip


def told(output: str) -> dict[str, str]:
    """What the linter says of each broken law, by the law's id."""
    broken = output.partition("Broken contracts")[2]
    titles = {law["name"]: id for id, law in LAWS.items()}
    parts = re.split(rf"^({'|'.join(map(re.escape, titles))})\n-+$", broken, flags=re.MULTILINE)[1:]
    return {titles[name]: text for name, text in zip(parts[::2], parts[1::2], strict=True)}


def plant(root: Path, path: str, imported: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    text = f"def _broken() -> None:\n    import {imported}  # noqa: F401\n" if imported else BY_TEXT
    with file.open("a") as there:
        there.write(f"\n\n{text}")


def test_each_law_has_a_trial() -> None:
    assert {*LAWS} == set(TRIALS)


def test_the_title_of_a_law_says_where_it_stands() -> None:
    assert [id for id, law in LAWS.items() if not law["name"].endswith(f" ({id} in pyproject.toml)")] == []


def test_a_law_looks_at_every_package_that_it_is_about() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    wheel = set(tools["hatch"]["build"]["targets"]["wheel"]["only-include"])
    assert {*ROOTS} == set(SHIPPED) == wheel - {"step_functions"} | {"glue_jobs", "shopsphere"}
    assert {*ROOTS, "benchmarks"} == set(tools["mypy"]["files"])
    assert {*ROOTS, "benchmarks"} <= set(tools["vulture"]["paths"])
    assert set(LAWS["declared"]["source_modules"]) == set(LAWS["no-tests"]["source_modules"]) == {*ROOTS}
    assert set(LAWS["no-cycles"]["ancestors"]) == {*ROOTS}
    assert LAWS["localaws-alone"]["source_modules"] == LAWS["no-cdk"]["source_modules"] == ["localaws"]
    assert set(LAWS["localaws-alone"]["forbidden_modules"]) == set(LAWS["aws-only"]["source_modules"]) == {*OTHERS}
    assert {name.strip() for layer in LAWS["directions"]["layers"] for name in layer.split("|")} == {*OTHERS}
    for law in LAWS.values():
        assert not law.get("containers") or law["exhaustive"] is True, law["id"]


def test_what_a_function_may_import_is_in_its_layer_or_in_lambdas_python() -> None:
    locked_for_layer = set(locked(LAYER.read_text()))
    brought = packages_distributions()
    assert LAWS["spark-standard-library"]["allowed_modules"] == ["pyspark", "py4j"]
    for name in {*LAWS["lean-functions"]["allowed_modules"]} - {"boto3", "botocore"}:
        assert locked_for_layer & {canonicalize_name(each) for each in brought[name]}, f"{name} is not in the layer"


def test_no_law_has_an_exception_but_one() -> None:
    exceptions = [each for law in LAWS.values() for each in law.get("ignore_imports", [])]
    assert exceptions == ["sluice.cli.local -> localaws.folders"]


@pytest.mark.slow
def test_breaking_a_law_of_imports_fails_the_check_wherever_it_is_broken(tmp_path: Path) -> None:
    for package in ROOTS:
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

    for path, text in BESIDE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    for path, imported, _ in (trial for trials in TRIALS.values() for trial in trials):
        plant(tmp_path, path, imported)
    broken = linted(tmp_path)
    assert broken.returncode == 1
    assert f"0 kept, {len(TRIALS)} broken" in broken.stdout, broken.stdout
    found = told(broken.stdout)
    silent = [(law, named) for law, trials in TRIALS.items() for _, _, named in trials if named not in found[law]]
    assert silent == [], broken.stdout
    # Whoever breaks a law reads where to go on.
    assert "root_packages of tool.importlinter" in found["seen"]
    assert "by_text of the law `seen` in pyproject.toml" in found["seen"]
    assert "do without, or declare it in project.dependencies" in found["declared"]


@pytest.mark.parametrize(
    "text",
    [
        "importlib.import_module('localaws.context')",
        "load('localaws.context')",
        "again('localaws.context')",
        "__import__('localaws.context')",
        "__import__(name='localaws.context')",
        "pkgutil.resolve_name('localaws.context:Context')",
        "runpy.run_module('localaws')",
        "importlib.import_module(f'localaws.{x}')",
        "importlib.import_module(f'{x}.context')",
        "importlib.import_module(x)",
        "exec('import localaws')",
        "eval('__imp' + 'ort__')('localaws')",
        "import sys\nsys.modules['localaws.context']",
        "importlib.import_module('sluice.cli')",
        "importlib.import_module('sluice.ingestion_of_others')",
    ],
)
def test_an_import_by_a_text_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "sluice" / "ingestion").mkdir(parents=True)
    head = "import importlib, pkgutil, runpy\nfrom importlib import import_module as load\nagain = load\n"
    (tmp_path / "sluice" / "ingestion" / "a.py").write_text(f"{head}x = 'a'\n{text}\n")
    assert len(list(hidden(tmp_path, "sluice", set()))) == 1
    assert list(hidden(tmp_path, "sluice", {"sluice.ingestion.a"})) == []


def test_a_package_may_find_its_own_modules_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "sluice" / "kinds").mkdir(parents=True)
    own = "import importlib\nimportlib.import_module(f'{__name__}.{x}')\nimportlib.import_module('sluice.kinds.a')\n"
    (tmp_path / "sluice" / "kinds" / "__init__.py").write_text(own)
    assert list(hidden(tmp_path, "sluice", set())) == []


def test_a_file_where_no_law_looks_is_found(tmp_path: Path) -> None:
    for name in ("sluice/__init__.py", "sluice/a/b/c.py", "sluice/a/b/__init__.py", "tests/x.py", "docs/deep/x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(unknown_packages(tmp_path, ["sluice"])) == []
    assert [sentence.split()[0] for sentence in no_packages(tmp_path, "sluice")] == [f"{tmp_path}/sluice/a/"]
    for name in ("setup.py", "tools/late/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [sentence.split()[0] for sentence in unknown_packages(tmp_path, ["sluice"])] == ["setup.py", "tools"]


#: Tests of how imports are found: what their texts import is made up.
MADE_UP = {
    "tests/repository/test_imports.py", "tests/infra/test_imports.py", "tests/repository/test_public.py",
    "tests/infra/test_standing.py",
}  # fmt: skip


def imported_in_texts(file: Path) -> set[tuple[str, str]]:
    """Module and name of ours that code in the file's texts imports; such code runs in a process of its own."""
    texts = [n.value for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant) and n.value]
    ours = "|".join([*SETTINGS["root_packages"], "tests"])
    found = [each for text in texts if isinstance(text, str) for each in re.findall(_IMPORT.format(ours=ours), text)]
    return {(module, name.split()[0]) for module, names in found for name in names.split(",") if name.strip()}


_IMPORT = r"from ((?:{ours})[\w.]*) import ([\w, ]+)"


@pytest.mark.slow
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
