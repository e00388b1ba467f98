"""An environment that has Sluice from its wheel, and all else from the environment of these tests."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.folders import ROOT

#: What stands in an environment for the clone.
OF_THE_CLONE = re.compile(r"_?(sluice|shopsphere)[-.].*|__pycache__|pip.*|setuptools.*|_distutils_hack|distutils.*")


def wheel_of(source: Path, out: Path) -> Path:
    """Build the wheel of the sources in a folder."""
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out))
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = out.glob("*.whl")
    return wheel


def upgrade(binaries: Path, *wheel: str, folder: Path | None = None) -> None:
    """Install a wheel in place of any earlier one, and nothing else."""
    install = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--python")
    subprocess.run([*install, str(binaries / "python"), *wheel], check=True, timeout=120, cwd=folder)


def environment_from_wheel(folder: Path) -> tuple[Path, Path]:
    """Make it below ``folder``; return the wheel and the folder of the commands."""
    wheel = wheel_of(ROOT, folder / "wheel")
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if not OF_THE_CLONE.fullmatch(each.name):
            (packages / each.name).symlink_to(each)
    upgrade(folder / "venv" / "bin", str(wheel))
    return wheel, folder / "venv" / "bin"
