"""A broken module among the providers is one error that names it, and ends the local AWS before it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localaws.cloudformation.errors import BrokenProvider
from localaws.cloudformation.providers import found_in

ROOT = Path(__file__).parents[3]
ONE = (
    "from localaws.cloudformation.providers.provider import Provider\n"
    "PROVIDERS = (Provider('AWS::Toy::Toy', '', create=None, delete=None),)\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    made = tmp_path / "toy_providers"
    made.mkdir()
    (made / "__init__.py").touch()
    (made / "sound.py").write_text(ONE)
    yield made
    for name in [name for name in sys.modules if name.split(".")[0] == "toy_providers"]:
        del sys.modules[name]  # to other tests it would be a third party that ours is in


def test_sound_providers_are_found_by_type(folder: Path) -> None:
    assert list(found_in("toy_providers", folder)) == ["AWS::Toy::Toy"]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("x.py", "PROVIDERS = 3\n", "its PROVIDERS are 3"),
        ("x.py", "PROVIDERS = ()\n", "its PROVIDERS are ()"),
        ("x.py", "PROVIDERS = ['AWS::X']\n", "hold 'AWS::X', which is no Provider"),
        ("_x.py", "", "its PROVIDERS are None"),
        ("x.py", "raise SystemExit(0)\n", "SystemExit: 0"),
        ("x.py", "import nowhere_there\n", "No module named 'nowhere_there'"),
        ("x.py", "PROVIDERS = (\n", "SyntaxError"),
        ("x.py", ONE, "AWS::Toy::Toy is deployed by"),
        ("x/__init__.py", ONE, "not folders of modules"),
        ("x/inner.py", ONE, "not folders of modules"),
    ],
)
def test_a_broken_provider_is_one_error_that_names_its_file(folder: Path, name: str, code: str, said: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(code)
    with pytest.raises(BrokenProvider) as caught:
        found_in("toy_providers", folder)
    assert said in str(caught.value)
    assert str(folder / name.split("/", maxsplit=1)[0]) in str(caught.value)
    assert "Nothing was created" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["coverage", "serve"])
def test_the_local_aws_says_which_provider_is_broken_and_fails(tmp_path: Path, command: str) -> None:
    shutil.copytree(ROOT / "localaws", tmp_path / "localaws", ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / "localaws" / "cloudformation" / "providers" / "broken.py"
    broken.write_text("raise SystemExit(0)\n")
    done = subprocess.run(
        [sys.executable, "-m", "localaws", command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{broken}: it cannot be imported: SystemExit: 0.")
    assert len(done.stderr.splitlines()) == 1
