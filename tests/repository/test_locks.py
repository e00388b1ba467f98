"""What is declared is what is locked: a new version that only one of them has would be declared and never run."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.bundle import LOCK as LAYER
from infra.sbom import locked
from sluice.cli.starting import CDK_CLI
from sluice.folders import LIBRARY
from tests.folders import ROOT

LOCK = ROOT / "requirements.lock"
#: Again and again in the message of a failure: what makes them agree.
MEND = "`make lock` writes both locks anew"


def versions(lock: Path) -> dict[str, str]:
    return {name: entry.version for name, entry in locked(lock.read_text()).items()}


def declared() -> list[str]:
    """All requirements of pyproject.toml: its own, each group's, and those of the build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    return [*project["build-system"]["requires"], *project["project"]["dependencies"], *(r for g in groups for r in g)]


def layers() -> list[str]:
    lines = LAYER.with_suffix(".in").read_text().splitlines()
    return [line for each in lines if (line := each.partition("#")[0].strip())]


def refused(requirements: Iterable[str], lock: dict[str, str]) -> list[str]:
    """Return each requirement that the lock does not meet, with what it has instead."""
    found = []
    for each in map(Requirement, requirements):
        version = lock.get(canonicalize_name(each.name))
        if version is None or not each.specifier.contains(version, prereleases=True):
            found.append(f"{each}: {version or 'nothing'} is locked")
    return found


def apart(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return each package that two locks have in different versions."""
    shared = sorted(one.keys() & other.keys())
    return [f"{name}: {one[name]} and {other[name]}" for name in shared if one[name] != other[name]]


def test_the_lock_has_what_the_project_declares() -> None:
    assert declared()
    assert refused(declared(), versions(LOCK)) == [], MEND


def test_the_layers_lock_has_what_the_functions_need() -> None:
    assert layers()
    assert refused(layers(), versions(LAYER)) == [], MEND


def test_a_new_projects_locks_have_what_this_repositorys_have() -> None:
    base = LIBRARY / "new_project" / "base"
    new = versions(base / "requirements.lock.in")
    assert new
    assert sorted(new.keys() - versions(LOCK).keys()) == [], MEND
    assert apart(new, versions(LOCK)) == [], MEND
    own = json.loads((ROOT / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]
    filled = (base / "package-lock.json.in").read_text().replace("@CDK@", CDK_CLI)
    packages = json.loads(filled)["packages"]
    assert packages.keys() == {"", "node_modules/aws-cdk"}
    of_the_cli = packages["node_modules/aws-cdk"]
    assert {each: of_the_cli[each] for each in ("version", "integrity")} == {
        "version": own["version"], "integrity": own["integrity"],
    }  # fmt: skip


def machine_code(lock: dict[str, str]) -> list[str]:
    """Return the locked packages whose wheel in this environment is for one machine only."""
    wheels = {name: metadata.distribution(name).read_text("WHEEL") or "" for name in lock}
    return [name for name, text in wheels.items() if re.search(r"^Tag: .*(?<!-any)$", text, re.MULTILINE)]


def open_to_others(names: Iterable[str], requirements: Iterable[str], lock: dict[str, str]) -> list[str]:
    """Return each of the packages of which the requirements let another version in than the locked one."""
    known = {canonicalize_name(each.name): each.specifier for each in map(Requirement, requirements)}
    return [f"{name}=={lock[name]}" for name in names if str(known.get(name, "")) != f"=={lock[name]}"]


def test_who_installs_the_wheel_gets_the_layers_machine_code_in_the_layers_versions() -> None:
    """The local AWS refuses a layer with a package that is here in another version: one release of it would do."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    native = machine_code(versions(LAYER))
    assert {"duckdb", "pyarrow", "pydantic-core"} <= set(native)
    assert open_to_others(native, project["dependencies"], versions(LAYER)) == [], "to be said in project.dependencies"


def test_what_the_functions_run_is_what_is_tested() -> None:
    assert versions(LAYER).keys() <= versions(LOCK).keys()
    assert apart(versions(LOCK), versions(LAYER)) == [], MEND


CLIENTS = sorted((ROOT / "tests" / "clients").glob("*/requirements.lock"))


@pytest.mark.parametrize("lock", [LOCK, LAYER, *CLIENTS], ids=["project", "layer", *(at.parent.name for at in CLIENTS)])
def test_a_lock_has_each_package_once_in_one_version_with_hashes(lock: Path) -> None:
    names = [canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE)]
    assert sorted(names) == sorted(locked(lock.read_text()))
    assert [name for name, entry in locked(lock.read_text()).items() if not entry.hashes] == []


def test_what_installs_the_lock_is_what_it_locks() -> None:
    (uv,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert uv == versions(LOCK)["uv"]


@pytest.mark.parametrize(
    "requirement",
    [
        "alpha==1.1",
        "Alpha>=1.1 ; sys_platform == 'linux'",
        "alpha[fast]<1",
        "alpha==1.1.*",
        "al.pha~=2.0",
        "beta",
    ],
)
def test_a_requirement_that_only_one_of_them_knows_is_found(requirement: str) -> None:
    lock = {"alpha": "1.0", "al-pha": "1.0"}
    assert len(refused([requirement], lock)) == 1
    assert refused(["alpha==1.0", "alpha>=1", "ALPHA[fast]", "al_pha==1.*"], lock) == []


def test_a_package_that_is_locked_in_two_versions_is_found() -> None:
    assert apart({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ["b: 1 and 2"]


@pytest.mark.parametrize("requirements", [[], ["alpha"], ["alpha>=1"], ["alpha==1.*"], ["alpha==2"], ["beta==1"]])
def test_a_package_that_may_come_in_another_version_is_found(requirements: list[str]) -> None:
    assert open_to_others(["al-pha", "alpha"], ["Al.pha==1", *requirements], {"al-pha": "1", "alpha": "1"}) == [
        "alpha==1"
    ]
