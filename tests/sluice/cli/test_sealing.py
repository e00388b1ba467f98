"""A sealed assembly is deployed as it was sealed, or refused with the name of what is another."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sluice.cli import all_commands
from sluice.cli.sealing import SEAL, check_seal, seal
from sluice.errors import CommandError

FILES = {
    "manifest.json": b"{}",
    "shop-dev-storage.template.json": b'{"Resources": {}}',
    "asset.1f/index.py": b"print()",
    "asset.1f/deep/er/data.bin": bytes(range(256)),
    "asset.2e.zip": b"PK",
}


def made(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "asset.1f" / "link").symlink_to("index.py")
    (folder / "asset.1f" / "linked").symlink_to("deep")
    return folder


def test_what_was_sealed_is_let_through_wherever_it_was_copied_and_sealing_again_says_the_same(tmp_path: Path) -> None:
    first, other = made(tmp_path / "a"), made(tmp_path / "b")
    digest = seal(first)
    assert seal(other) == digest == seal(first)
    check_seal(other, digest)
    check_seal(other, f"{digest}\n")
    check_seal(other, None)


@pytest.mark.parametrize("within", ["", "assembly-Stage"])
def test_archives_that_the_cdk_cli_made_before_are_removed_and_never_uploaded(tmp_path: Path, within: str) -> None:
    folder = made(tmp_path / "sealed")
    (folder / within).mkdir(exist_ok=True)
    digest = seal(folder)
    cache = folder / within / ".cache"
    for use in (lambda: check_seal(folder, digest), lambda: seal(folder)):
        cache.mkdir()
        (cache / "1f.zip").write_bytes(b"from elsewhere")
        use()
        assert not cache.exists(), "the CDK CLI would upload it instead of the asset"
    for write in (lambda: cache.symlink_to("asset.1f"), lambda: cache.write_bytes(b"")):
        write()
        for refused in (lambda: check_seal(folder, digest), lambda: seal(folder)):
            with pytest.raises(CommandError, match="the CDK CLI would upload what it holds") as told:
                refused()
            assert told.value.file == str(cache)
        cache.unlink()


def _as_nobody(folder: Path, digest: str) -> None:
    """Check the seal as somebody whom modes of files bind."""
    child = os.fork()
    if not child:
        status = 1
        try:
            if not os.getuid():
                os.setuid(65534)
            check_seal(folder, digest)
        except CommandError as error:
            status = 2 if "it cannot be removed" in str(error) else 3
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_archives_that_cannot_be_removed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        folder = made(Path(open_to_all) / "sealed")
        digest = seal(folder)
        cache = folder / ".cache"
        cache.mkdir()
        (cache / "1f.zip").write_bytes(b"from elsewhere")
        cache.chmod(0o555)
        _as_nobody(folder, digest)
        cache.chmod(0o755)

        def fails(path: Path, *_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        for removes, why in ((fails, "it cannot be removed: .*Permission denied"), (print, "it is still there")):
            monkeypatch.setattr(shutil, "rmtree", removes)
            with pytest.raises(CommandError, match=why) as told:
                check_seal(folder, digest)
            assert told.value.file == str(cache)
            monkeypatch.undo()


def test_locks_of_the_cdk_cli_count_for_nothing_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    folder = made(tmp_path / "sealed")
    digest = seal(folder)
    for name in ("read.4711.1.lock", "synth.lock"):
        (folder / name).write_text("4711")
        check_seal(folder, digest)
        assert seal(folder) == digest
    for name in ("read.lock", "read.a.1.lock", "asset.1f/synth.lock", "synth.locks"):
        (folder / name).write_text("4711")
        with pytest.raises(CommandError, match="it was not there"):
            check_seal(folder, digest)
        (folder / name).unlink()
    (folder / "synth.lock").unlink()
    (folder / "synth.lock").symlink_to("manifest.json")
    with pytest.raises(CommandError, match="it was not there"):
        check_seal(folder, digest)


def _assets(folder: Path, kind: str, **source: str) -> None:
    (folder / "shop.assets.json").write_text(json.dumps({kind: {"1f": {"source": source, "destinations": {}}}}))
    declared = {"type": "cdk:asset-manifest", "properties": {"file": "shop.assets.json"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"shop.assets": declared}}))


def _outside(tmp_path: Path) -> dict[str, Callable[[Path], object]]:
    code = tmp_path / "code"
    code.mkdir()
    older = {"/shop": [{"type": "aws:cdk:asset", "data": {"path": str(code)}}]}
    stack = {"type": "aws:cloudformation:stack", "metadata": older}
    told = {"type": "aws:cloudformation:stack", "additionalMetadataFile": "m.json"}
    return {
        "shop.assets.json": lambda folder: _assets(folder, "files", path=str(code)),
        "shop.assets.json again": lambda folder: _assets(folder, "files", path="../code"),
        "shop.assets.json of images": lambda folder: _assets(folder, "dockerImages", directory="../code"),
        "manifest.json": lambda folder: (folder / "manifest.json").write_text(json.dumps({"artifacts": {"s": stack}})),
        "manifest.json beside": lambda folder: (
            (folder / "manifest.json").write_text(json.dumps({"artifacts": {"s": told}})),
            (folder / "m.json").write_text(json.dumps(older)),
        ),
        "asset.1f/out": lambda folder: (folder / "asset.1f" / "out").symlink_to(code),
        "asset.1f/up": lambda folder: (folder / "asset.1f" / "up").symlink_to("../../code"),
    }


def test_what_leads_out_of_the_assembly_is_refused_where_it_is_sealed_and_where_it_is_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, change in _outside(tmp_path).items():
        folder = made(tmp_path / "sealed")
        change(folder)
        with monkeypatch.context() as before:
            before.setattr("sluice.cli.sealing._refuse_outside", print)
            digest = seal(folder)
        for refused in (lambda: seal(folder), lambda: check_seal(folder, digest)):  # noqa: B023
            with pytest.raises(CommandError, match=r"it leads out of the assembly, to .*code, which no seal") as told:
                refused()
            assert told.value.file == str(folder / name.partition(" ")[0]), name


def test_what_is_taken_from_within_is_sealed(tmp_path: Path) -> None:
    folder = made(tmp_path / "sealed")
    _assets(folder, "files", path="asset.1f", packaging="zip")
    check_seal(folder, seal(folder))
    within = folder / "assembly-Stage"
    within.mkdir()
    (folder / "shop.assets.json").rename(within / "shop.assets.json")
    (folder / "manifest.json").rename(within / "manifest.json")
    _assets(within, "files", path="../asset.1f")
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Stage"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"assembly-Stage": nested}}))
    check_seal(folder, seal(folder))
    _assets(within, "files", path="../../code")
    with pytest.raises(CommandError, match="it leads out of the assembly"):
        seal(folder)
    (within / "manifest.json").write_text("[]")
    with pytest.raises(CommandError, match="what its manifests name cannot be read"):
        seal(folder)


@given(st.sampled_from(sorted(FILES)), st.binary(max_size=300))
def test_whatever_is_changed_in_a_file_is_refused_by_its_name(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    folder = made(tmp_path_factory.getbasetemp() / "sealed")
    digest = seal(folder)
    (folder / name).write_bytes(content)
    if content == FILES[name]:
        check_seal(folder, digest)
        return
    with pytest.raises(CommandError, match="it is another than when the assembly was sealed") as told:
        check_seal(folder, digest)
    assert told.value.file == str(folder / name)


def test_what_is_new_gone_or_of_another_kind_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    changes = {
        "asset.1f/more.py": lambda path: path.write_bytes(b""),
        "asset.2e.zip": lambda path: path.unlink(),
        "asset.1f/index.py": lambda path: path.chmod(0o755),
        "asset.1f/link": lambda path: (path.unlink(), path.symlink_to("deep/er/data.bin")),
        "asset.1f/linked": lambda path: (path.unlink(), path.symlink_to("/etc")),
        "manifest.json": lambda path: (path.unlink(), path.symlink_to("asset.2e.zip")),
    }
    for name, change in changes.items():
        digest = seal(made(folder))
        change(folder / name)
        with pytest.raises(CommandError, match="when the assembly was sealed") as told:
            check_seal(folder, digest)
        assert told.value.file == str(folder / name), name


def test_a_seal_that_is_none_or_another_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "sealed")
    check_seal(folder, None)
    with pytest.raises(CommandError, match=r"sealed\.json: it is not there, so that nobody knows what was tested"):
        check_seal(folder, "0" * 64)
    digest = seal(folder)
    (folder / "asset.2e.zip").write_bytes(b"other")
    seal(folder)  # as somebody would who may change the artifact
    check_seal(folder, None)
    with pytest.raises(CommandError, match=rf"its digest is \w+, and what was tested is '{digest}'"):
        check_seal(folder, digest)
    (folder / SEAL).write_text(json.dumps([]))
    with pytest.raises(CommandError, match="it is no seal"):
        check_seal(folder, None)


def test_the_command_prints_the_digest_and_refuses_what_is_no_assembly(tmp_path: Path) -> None:
    run = CliRunner(env={**os.environ, "NO_COLOR": "1"})
    done = run.invoke(all_commands(), ["seal", str(made(tmp_path / "sealed"))])
    assert (done.exit_code, done.output.strip()) == (0, seal(tmp_path / "sealed"))
    (tmp_path / "none").mkdir()
    assert run.invoke(all_commands(), ["seal", str(tmp_path / "none")]).exit_code == 2
