"""A sealed assembly is deployed as it was sealed, or refused with the name of what is another."""

from __future__ import annotations

import json
import os
import shutil
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
    (other / ".cache").mkdir()
    (other / ".cache" / "1f.zip").write_bytes(b"from elsewhere")
    check_seal(other, digest)
    assert not (other / ".cache").exists(), "the CDK CLI would upload it instead of the asset"


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
