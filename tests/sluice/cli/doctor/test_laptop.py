"""What is wrong with this machine is found by what is really wrong with it, where a test can make it so."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from sluice.cli import app
from sluice.cli.doctor import laptop
from tests.sluice.cli.doctor.conftest import doctor, less_than_well

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def alone(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this shell's own, and nobody to ask."""
    monkeypatch.delenv("JSII_NODE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def test_a_sound_machine(capsys: Said) -> None:
    status, found = doctor(capsys)
    assert (less_than_well(found), status) == ({}, 0)
    assert set(found) == {"python", "packages", "node", "java", "memory", "project", "disk", "writing", "port",
                          "leftovers-here"}  # fmt: skip


@pytest.mark.slow
def test_this_machine_is_looked_at_with_no_library_of_aws(shop: Path) -> None:
    code = (
        "import sys; from sluice.cli import app\n"
        "try: app(['doctor', '--port', '0'])\n"
        "finally: print({'aws_cdk', 'boto3', 'botocore', 'moto', 'urllib3'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stderr, done.returncode) == ("set()\n", 0), done.stdout


def test_for_people_each_check_has_a_line_and_what_is_found_its_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("JSII_NODE", "/nowhere/node")
    with pytest.raises(SystemExit) as ended:
        app(["doctor", "--port", "0"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    at = next(
        number for number, line in enumerate(lines) if line.startswith("failed   node: /nowhere/node does not run")
    )
    assert lines[at + 1] == "         Next: `unset JSII_NODE`: Sluice brings a Node."
    assert lines[-1] == "Not all is well: node."


def test_no_node(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setenv("JSII_NODE", "/nowhere/node")
    status, found = doctor(capsys)
    assert (less_than_well(found), status) == ({"node": "failed"}, 1)
    monkeypatch.setenv("PATH", "/nowhere")
    assert laptop.path_node().status == "failed"


@pytest.mark.parametrize(
    ("text", "said"),
    [("echo v20.19.0", "is Node v20.19.0; 22 or newer is needed"), ("exit 3", "does not say its version")],
)
def test_a_node_of_another_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    (tmp_path / "node").write_text(f"#!/bin/sh\n{text}\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("JSII_NODE", str(tmp_path / "node"))
    found = laptop.node()
    assert found.status == "failed"
    assert said in found.found
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert laptop.path_node().status == "failed"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 << 20))
    status, found = doctor(capsys)
    assert (less_than_well(found), status) == ({"disk": "failed"}, 1)
    assert "0.0 GiB are free" in found["disk"]["found"]
    assert "2.0 GiB are needed" in found["disk"]["found"]
    assert "`sluice down`" in found["disk"]["next_step"]


@pytest.mark.slow
def test_a_disk_that_is_really_full(shop: Path) -> None:
    """`/proc` is a file system of its own, of no room, on every machine."""
    code = "from sluice.cli import app; app(['doctor', '--port', '0', '--data', '/proc/nobody'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "failed   disk: 0.0 GiB are free on the disk of /proc/nobody" in done.stdout
    assert done.stdout.endswith("Not all is well: disk, writing.\n")


def test_what_cannot_be_written_to() -> None:
    found = laptop.writing(Path("/proc/nobody"), Path("/tmp"))
    assert found.status == "failed"
    assert "/proc cannot be written to" in found.found


def test_a_port_that_something_else_has(capsys: Said) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, found = doctor(capsys, "--port", str(other.getsockname()[1]))
    assert (less_than_well(found), status) == ({"port": "warning"}, 1)
    assert "`sluice up --port 0`" in found["port"]["next_step"]


def test_a_package_that_is_another_than_declared_or_gone(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    declared = metadata.requires("sluice") or []
    other = [*declared, "boto3==0.1", "nobody-has-this>=2", "nor-this; python_version < '3'"]
    monkeypatch.setattr(laptop, "requires", lambda _: other)
    status, found = doctor(capsys)
    assert (less_than_well(found), status) == ({"packages": "failed"}, 1)
    said = found["packages"]["found"]
    assert (
        said
        == f"boto3 is {metadata.version('boto3')}, ==0.1 is needed; nobody-has-this is not installed, >=2 is needed"
    )


def test_what_ended_processes_left(shop: Path, capsys: Said) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (shop / ".sluice" / "run").mkdir(parents=True)
    (shop / ".sluice" / "run" / "pid").write_text(str(ended.pid))
    (shop / ".sluice" / "cache" / "running").mkdir(parents=True)
    (shop / ".sluice" / "cache" / "running" / "http-127.0.0.1-4566").write_text(str(shop / ".sluice" / "run"))
    (shop / ".sluice" / "cache" / f"assembly-0123.{ended.pid}").mkdir()
    (shop / ".sluice" / "cache" / f"assembly-4567.{os.getpid()}").mkdir()
    status, found = doctor(capsys)
    assert (less_than_well(found), status) == ({"leftovers-here": "warning"}, 1)
    subprocess.run(found["leftovers-here"]["next_step"].strip("`"), shell=True, check=True)
    assert doctor(capsys)[0] == 0
    assert (shop / ".sluice" / "cache" / f"assembly-4567.{os.getpid()}").is_dir(), "it is being made"


def test_marks_that_no_process_wrote_in_a_folder_with_a_space(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    spaced = shop.rename(shop.parent / "my shop")
    monkeypatch.chdir(spaced)
    (spaced / ".sluice" / "run").mkdir(parents=True)
    (spaced / ".sluice" / "run" / "pid").write_bytes(b"\xff\xfe\0")
    found = doctor(capsys)[1]
    assert less_than_well(found) == {"leftovers-here": "warning"}
    subprocess.run(found["leftovers-here"]["next_step"].strip("`"), shell=True, check=True)
    assert doctor(capsys)[0] == 0


def test_a_contract_that_is_broken_and_folders_with_none(shop: Path, capsys: Said) -> None:
    (shop / "contracts" / "other.yaml").write_text("a: [")
    found = doctor(capsys)[1]
    assert less_than_well(found) == {"project": "failed"}
    assert "contracts/other.yaml:" in found["project"]["found"]
    (shop / "empty").mkdir()
    found = doctor(capsys, "--contracts", str(shop / "empty"))[1]
    assert less_than_well(found) == {"project": "warning"}
    assert found["project"]["found"].endswith("empty")


def test_a_folder_that_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    status, found = doctor(capsys)
    assert (less_than_well(found), status) == ({"project": "failed"}, 1)
    assert "`sluice init NAME`" in found["project"]["next_step"]


def test_an_environment_that_is_none_is_wrong_use(capsys: Said) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["doctor", "--env", "nobody"])
    assert ended.value.code == 2
    assert "allowed: dev, prod" in capsys.readouterr().err
