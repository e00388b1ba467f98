"""Makes a function's bundle runnable on this machine: its code, its layers and AWS's Python runtime.

A bundle carries native wheels for Lambda's processor and Python. Each of them is replaced by the same version from the
running interpreter's environment; everything else comes from the bundle. The bundle itself is never written to: its
files are linked into a mirror under the scratch directory, its bytecode for the running Python too; bytecode that it
lacks goes to the mirror.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import struct
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import MAGIC_NUMBER
from pathlib import Path, PurePosixPath

#: A code zip with only this entry names an unzipped asset directory to use in place.
ASSET_MARKER = ".localaws-asset"

#: What AWS's managed Python runtimes provide to every function.
RUNTIME_DISTRIBUTIONS = (
    "awslambdaric",
    "snapshot-restore-py",
    "simplejson",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)

#: Bytecode of another Python is never read here.
_OUR_BYTECODE = f".{sys.implementation.cache_tag}.pyc"
#: So many earlier mirrors are looked through for bytecode: the functions' one, their layer's, and that of a stack.
_EARLIER_MIRRORS = 4
_building = threading.Lock()


class BundleError(Exception):
    """A bundle cannot run on this machine; the message names the package and the remedy."""


@dataclass(frozen=True)
class _Wheel:
    """A distribution found in a bundle: its name and version, and the files and folders that belong to it."""

    name: str
    version: str
    native: bool
    entries: frozenset[str]


def unpack(code: bytes, scratch: Path) -> Path:
    """Return the directory with the unpacked content of ``code`` (a zip); equal content is unpacked once."""
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        if archive.namelist() == [ASSET_MARKER]:
            asset = Path(archive.read(ASSET_MARKER).decode().strip())
            if not asset.is_absolute() or not asset.is_dir():
                raise BundleError(f"The code is to be found in {asset}, which is not an absolute path of a directory")
            return asset
        digest = hashlib.sha256(code).hexdigest()[:24]
        return _built_once(scratch / "code" / digest, archive.extractall)


def runnable(bundle: Path, scratch: Path, *, packages: str = "") -> Path:
    """Return a mirror of ``bundle`` whose native packages are this machine's; ``packages`` is their folder in it.

    Raises ``BundleError`` if a native package is not installed here at the bundle's version.
    """
    source = bundle / packages
    digest = hashlib.sha256(f"{bundle.resolve()}:{packages}:{bundle.stat().st_mtime_ns}".encode()).hexdigest()[:24]

    def build(target: Path) -> None:
        wheels = list(_wheels(source))
        swapped = {entry for wheel in wheels if wheel.native for entry in wheel.entries}
        kept = {entry for wheel in wheels if not wheel.native for entry in wheel.entries}
        _link_tree(source, target, skip=swapped - kept)
        for wheel in wheels:
            if wheel.native:
                _link_installed(_same_version_here(wheel, bundle), target)
        for earlier in _newest(scratch / "bundles")[:_EARLIER_MIRRORS]:
            _take_bytecode(earlier, target)

    return _built_once(scratch / "bundles" / digest, build)


def apart(bundle: Path, scratch: Path) -> Path:
    """Return a copy of ``bundle`` below which nothing of this machine's other folders is found, for Node.

    Node follows links, and looks in all folders above a file for packages and for what kind of code the file has: the
    copy's files are real, and the folder above it says that there is none.
    """
    digest = hashlib.sha256(f"{bundle.resolve()}:{bundle.stat().st_mtime_ns}".encode()).hexdigest()[:24]

    def build(target: Path) -> None:
        for directory, _, files in os.walk(bundle):
            if foreign := next((name for name in files if _is_foreign(os.path.join(directory, name))), None):
                raise BundleError(f"{directory}/{foreign} is built for another machine. Build the bundle for this one")
        (target.parent / "package.json").write_text("{}", encoding="utf-8")
        shutil.copytree(bundle, target, symlinks=True, dirs_exist_ok=True)

    return _built_once(scratch / "node" / digest, build)


def _newest(mirrors: Path) -> list[Path]:
    """Return the mirrors that are whole, the newest first."""
    return sorted(mirrors.glob("[!.]*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _take_bytecode(earlier: Path, mirror: Path) -> None:
    """Give ``mirror`` the bytecode that ``earlier`` has of modules of the same content, as if it were made of its own.

    A function whose code is deployed again differs in a few files; to compile all others anew takes it a second.
    The head is magic, flags (0: the source's time and size follow), time and size: https://peps.python.org/pep-0552/.
    """
    for compiled in earlier.rglob(f"*{_OUR_BYTECODE}"):
        here = mirror / compiled.relative_to(earlier)
        name = f"{compiled.name.removesuffix(_OUR_BYTECODE)}.py"
        source, theirs = here.parent.parent / name, compiled.parent.parent / name
        if here.exists() or not source.is_file() or not theirs.is_file():
            continue
        if not here.parent.parent.resolve().is_relative_to(mirror.resolve()):
            continue  # a package that is another's folder now: nothing is written there
        content, made = source.read_bytes(), compiled.read_bytes()
        if made[:16] != _head(theirs) or content != theirs.read_bytes():
            continue
        here.parent.mkdir(exist_ok=True)
        here.write_bytes(_head(source) + made[16:])


def _head(source: Path) -> bytes:
    about = source.stat()
    return MAGIC_NUMBER + struct.pack("<III", 0, int(about.st_mtime) & 0xFFFFFFFF, about.st_size & 0xFFFFFFFF)


def aws_runtime(scratch: Path) -> Path:
    """Return a directory with the packages that AWS's Python runtime provides, and nothing else."""

    def build(target: Path) -> None:
        for name in RUNTIME_DISTRIBUTIONS:
            _link_installed(metadata.distribution(name), target)

    return _built_once(scratch / "aws-runtime", build)


def _built_once(target: Path, build: Callable[[Path], None]) -> Path:
    # Built beside its final place and then moved there, so that no reader sees it incomplete.
    with _building:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".draft-"))
            try:
                build(draft)
                draft.rename(target)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
    return target


def _wheels(packages: Path) -> Iterator[_Wheel]:
    for info in sorted(packages.glob("*.dist-info")):
        distribution = metadata.PathDistribution(info)
        tags = [line for line in (distribution.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:")]
        native = any(not tag.endswith("-any") for tag in tags)
        yield _Wheel(distribution.metadata["Name"], distribution.version, native, frozenset(_entries(distribution)))


def _entries(distribution: metadata.Distribution) -> Iterable[str]:
    """Return the top-level files and directories that ``distribution`` installed beside its own ``.dist-info``."""
    paths = (PurePosixPath(str(file)) for file in distribution.files or ())
    return {path.parts[0] for path in paths if path.parts[0] not in {"..", "bin", "__pycache__"}}


def _same_version_here(wheel: _Wheel, bundle: Path) -> metadata.Distribution:
    try:
        here = metadata.distribution(wheel.name)
    except metadata.PackageNotFoundError:
        found = "is not installed"
    else:
        if here.version == wheel.version:
            return here
        found = f"is {here.version}"
    raise BundleError(
        f"{bundle} bundles {wheel.name} {wheel.version} for Lambda's machine, but in this environment it {found}. "
        f"Lock both to one version: install {wheel.name}=={wheel.version} here, or build the bundle again"
    )


def _link_installed(distribution: metadata.Distribution, target: Path) -> None:
    for entry in _entries(distribution):
        source = Path(str(distribution.locate_file(entry)))
        if (target / entry).is_dir() and not (target / entry).is_symlink():
            _link_tree(source, target / entry)  # a namespace package that a pure Python package of the bundle shares
        elif source.exists() and not (target / entry).exists():
            (target / entry).symlink_to(source)


def _link_tree(source: Path, target: Path, *, skip: Iterable[str] = ()) -> None:
    """Make ``target`` look like ``source``: real directories (bytecode is written there), links for files."""
    if not source.is_dir():
        return
    left_out = set(skip)
    for directory, directories, files in os.walk(source):
        top = directory == str(source)
        directories[:] = [name for name in directories if not (top and name in left_out)]
        here = target / os.path.relpath(directory, source)
        here.mkdir(exist_ok=True)
        for name in files:
            if (top and name in left_out) or (here.name == "__pycache__" and not name.endswith(_OUR_BYTECODE)):
                continue
            if _is_foreign(os.path.join(directory, name)):
                raise BundleError(
                    f"{directory}/{name} is built for another machine and belongs to no *.dist-info of the bundle, "
                    "so this machine's version of it cannot be found. Keep the .dist-info directories in the bundle"
                )
            if not (here / name).exists():
                (here / name).symlink_to(os.path.join(directory, name))


def _is_foreign(path: str) -> bool:
    """Return whether a shared library is for another processor or another Python than the running ones."""
    if not path.endswith((".so", ".node")):
        return False
    if ".cpython-" in path and not path.endswith(tuple(EXTENSION_SUFFIXES)):
        return True
    return sys.platform == "linux" and _processor(path) != _processor(sys.executable)


def _processor(path: str) -> bytes:
    with open(path, "rb") as binary:
        return binary.read(20)[18:]  # e_machine of the ELF header
