"""An assembly is used again only when nothing changed that its synthesis may read, the owner's own files among it."""

from __future__ import annotations

import os
import py_compile
import shutil
import sys
import time
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from sluice.cli import assembly
from sluice.cli.starting import start_project
from sluice.errors import CommandError
from sluice.folders import LIBRARY, ProjectFolder
from tests.folders import ROOT


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    start_project(tmp_path / "shop", empty=False)
    return tmp_path / "shop"


def fingerprint(shop: Path, environment: str = "dev") -> str:
    return assembly._fingerprint(ProjectFolder(shop), [shop / "contracts"], environment)


@pytest.mark.parametrize(
    "changed",
    [
        "infra/app.py", "contracts/visits.yaml", "glue_jobs/pages.py", "environments.yaml", "cdk.json",
        "requirements.txt", "functions/mine/handler.py", "functions/mine/tests/data", "stacks/queues.py", "layer.zip",
    ],
)  # fmt: skip
def test_any_file_of_the_project_that_changes_gives_another_assembly(shop: Path, changed: str) -> None:
    (shop / changed).parent.mkdir(parents=True, exist_ok=True)
    before = fingerprint(shop)
    with (shop / changed).open("a") as file:
        file.write("# another\n")
    assert fingerprint(shop) != before
    assert fingerprint(shop, "prod") != fingerprint(shop)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["", "raise SystemExit(0)", "import aws_cdk\n\naws_cdk.App(outdir='elsewhere').synth()\n"]
)
def test_an_app_that_makes_no_assembly_is_named(shop: Path, text: str) -> None:
    app = shop / "infra" / "app.py"
    app.write_text(text)
    with pytest.raises(CommandError, match="without a cloud assembly") as refused:
        assembly.synthesize([shop / "contracts"], "dev")
    assert refused.value.file == str(app)
    assert not list(ProjectFolder(shop).cache.glob("assembly-*"))


@pytest.mark.parametrize(
    ("said", "what", "step"),
    [
        ("a.py:1: wrong\nSafe: nothing was deployed.\nNext: mend line 1.\n", "a.py:1: wrong", "mend line 1."),
        ("Traceback: boom\n", "Traceback: boom", "mend what is named, then run `sluice check`."),
        ("", "synthesis failed without a message", "mend what is named, then run `sluice check`."),
    ],
)
def test_what_a_synthesis_says_of_the_next_step_is_said_once(
    shop: Path, monkeypatch: pytest.MonkeyPatch, said: str, what: str, step: str
) -> None:
    monkeypatch.setattr(assembly, "_run", lambda *_: (1, said))
    with pytest.raises(CommandError) as refused:
        assembly.synthesize([shop / "contracts"], "dev")
    assert str(refused.value) == f"{what}\nSafe: nothing was deployed or changed.\nNext: {step}"


@pytest.mark.parametrize(
    ("folder", "mark"),
    [
        (".sluice/cache", ""), (".venv/lib", ""), (".git", ""), ("node_modules/x", ""), ("tests", ""),
        ("infra/__pycache__", ""), ("cdk.out", "cdk.out"), ("my-venv", "pyvenv.cfg"), ("aws", "serve.log"),
    ],
)  # fmt: skip
def test_what_no_synthesis_reads_changes_nothing(shop: Path, folder: str, mark: str) -> None:
    before = fingerprint(shop)
    (shop / folder).mkdir(parents=True, exist_ok=True)
    for name in filter(None, (mark, "more")):
        (shop / folder / name).write_text("new")
    assert fingerprint(shop) == before


def test_links_are_followed_once_and_what_cannot_be_read_stops_nothing(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (shop / "stacks").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(shop)
    (shop / "nowhere").symlink_to("nobody@nowhere.1")
    before = fingerprint(shop)
    (tmp_path / "elsewhere" / "queues.py").touch()
    assert fingerprint(shop) != before


def test_large_files_count_by_size_and_time_and_are_not_read(shop: Path) -> None:
    large = shop / "data.csv"
    os.truncate(os.open(large, os.O_CREAT | os.O_WRONLY), 1 << 36)  # a sparse file of 64 GiB
    began = time.perf_counter()
    before = fingerprint(shop)
    assert time.perf_counter() - began < 30
    os.utime(large, ns=(0, 0))
    assert fingerprint(shop) != before


def test_a_folder_of_tests_counts_when_it_is_given() -> None:
    given = ROOT / "tests" / "end_to_end" / "contracts"
    found = {*assembly._files([ROOT, given], without=ROOT / "tests")}
    assert {*given.glob("*.yaml")} <= found
    assert not {path for path in found if path.is_relative_to(ROOT / "tests")} - {*given.rglob("*")}


@pytest.mark.parametrize("what", ["upgrade", "another Python", "a module of Sluice"])
def test_another_library_or_python_gives_another_assembly(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    before = fingerprint(shop)
    if what == "another Python":
        monkeypatch.setattr("sys.version", "3.13.9 (main)")
    elif what == "a module of Sluice":
        shutil.copytree(LIBRARY, tmp_path / "sluice", ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / "sluice" / "later.py").touch()
        monkeypatch.setattr(assembly, "LIBRARY", tmp_path / "sluice")
    else:
        (tmp_path / "constructs-99.0.0.dist-info").mkdir()  # one that Sluice does not name itself counts, too
        monkeypatch.syspath_prepend(tmp_path)
    assert fingerprint(shop) != before


@pytest.mark.parametrize(
    ("forbidden", "lacking", "prefix"),
    [("", 10_000, False), ("1", 0, False), ("1", 19, False), ("1", 20, True), ("1", 10_000, True)],
)
def test_bytecode_goes_to_the_cache_where_python_may_not_keep_it_and_there_is_none(
    shop: Path, monkeypatch: pytest.MonkeyPatch, forbidden: str, lacking: int, prefix: bool
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", forbidden)
    left = iter([True, *[False] * lacking])  # the first that is asked for is CDK's
    monkeypatch.setattr(assembly, "_is_compiled", lambda path: next(left, True))
    found = assembly.bytecode(ProjectFolder(shop))
    assert found.get("PYTHONPYCACHEPREFIX") == (str(shop / ".sluice" / "cache" / "bytecode") if prefix else None)
    assert ("PYTHONDONTWRITEBYTECODE" in found) == prefix


def test_cdk_is_unpacked_once_in_the_environment_and_in_the_cache_where_that_is_not_its_own(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    (tmp_path / "environment").mkdir()
    assert assembly.unpacked(ProjectFolder(shop)) == tmp_path / "environment" / "share" / "sluice" / "jsii"
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert assembly.unpacked(ProjectFolder(shop)) == shop / ".sluice" / "cache" / "jsii"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "nowhere"))  # nobody may write there, as root may everywhere else
    assert assembly.unpacked(ProjectFolder(shop)) == shop / ".sluice" / "cache" / "jsii"


def test_set_up_unpacks_cdk_where_a_synthesis_looks(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    place = assembly.unpacked(ProjectFolder(shop)).relative_to(ROOT / ".venv")
    assert f'JSII_RUNTIME_PACKAGE_CACHE_ROOT="$(CURDIR)/$(VENV)/{place}" ' in (ROOT / "Makefile").read_text()


def test_bytecode_counts_when_python_would_take_it(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("x = 1\n")
    assert not assembly._is_compiled(source)
    py_compile.compile(str(source))
    assert assembly._is_compiled(source)
    os.utime(source, (1, 1))
    assert not assembly._is_compiled(source)
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert assembly._is_compiled(source)
    kept = Path(cache_from_source(source))
    kept.write_bytes(b"\0\0\r\n" + kept.read_bytes()[4:])  # another Python's
    assert not assembly._is_compiled(source)


def _assembly(cache: Path, name: str, asset: str, text: str) -> Path:
    made = cache / name
    (made / asset / "package").mkdir(parents=True)
    (made / asset / "package" / "module.py").write_text(text)
    (made / "manifest.json").write_text("{}")
    return made


def test_assets_that_two_assemblies_have_are_on_the_disk_once(tmp_path: Path) -> None:
    earlier = _assembly(tmp_path, "assembly-a", "asset.1", "x = 1")
    unfinished = _assembly(tmp_path, "assembly-c.17", "asset.2", "half of")
    later = _assembly(tmp_path, "assembly-b.1", "asset.1", "x = 1")
    (later / "asset.1" / "only_here.py").write_text("of the earlier one this was removed already")
    (earlier / "asset.1" / "only_there.py").write_text("of no assembly that is made now")
    _assembly(tmp_path, "assembly-b.1/other", "asset.2", "x = 2")
    shutil.move(later / "other" / "asset.2", later / "asset.2")
    assembly._share_assets(later, tmp_path)
    files = [each / "asset.1" / "package" / "module.py" for each in (earlier, later)]
    assert files[0].samefile(files[1])
    assert (later / "asset.2" / "package" / "module.py").read_text() == "x = 2"
    assert (unfinished / "asset.2" / "package" / "module.py").read_text() == "half of"
    assert sorted(path.name for path in (later / "asset.1").iterdir()) == ["only_here.py", "package"]
    shutil.rmtree(earlier)
    assert files[1].read_text() == "x = 1"
