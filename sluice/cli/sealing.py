"""Seals a cloud assembly: what it holds, file by file, so that what is deployed is what was tested.

`SEAL` lists each file's SHA-256 sum; the seal's own sum is the digest, which whoever tested hands on by another way
than the assembly. CDK names assets by their content when it makes them, and nobody compares the two afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sluice.cli.cloud_assembly import taken
from sluice.errors import CommandError

SEAL: Final = "sealed.json"
#: Where the CDK CLI keeps archives that it made of assets, and takes them from again.
_CACHE: Final = ".cache"
#: By which it keeps two of its processes from one assembly; one that was killed leaves them.
#: https://github.com/aws/aws-cdk-cli/blob/main/packages/@aws-cdk/toolkit-lib/lib/api/rwlock.ts
_LOCK: Final = re.compile(r"(synth|read\.\d+\.\d+)\.lock(\.\w+)*")
_NEXT = "take the assembly that was sealed, or synthesize, test and seal anew"


def seal(assembly: Path) -> str:
    """Write what the assembly holds into it, and return the digest of that."""
    _forget_archives(assembly)
    _refuse_outside(assembly)
    text = json.dumps(dict(sorted(_contents(assembly))), indent=1) + "\n"
    (assembly / SEAL).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def check_seal(assembly: Path, digest: str | None) -> None:
    """Raise ``CommandError`` that names the first file which is not as it was sealed, or that is new, or gone.

    Without a ``digest`` an assembly that has no seal is as good as any; with one it must have that seal.
    """
    try:
        text = (assembly / SEAL).read_bytes()
    except FileNotFoundError:
        if digest is None:
            return
        raise _broken(assembly / SEAL, "it is not there, so that nobody knows what was tested") from None
    own = hashlib.sha256(text).hexdigest()
    if digest is not None and own != digest.strip():
        raise _broken(assembly / SEAL, f"its digest is {own}, and what was tested is {digest.strip()!r}")
    try:
        sealed = json.loads(text)
        wanted = {str(name): str(told) for name, told in sealed.items()}
    except (ValueError, AttributeError) as error:
        raise _broken(assembly / SEAL, f"it is no seal: {error}") from error
    _forget_archives(assembly)
    found = dict(_contents(assembly))
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise _broken(assembly / name, "it was there when the assembly was sealed, and is gone")
        if name not in wanted:
            raise _broken(assembly / name, "it was not there when the assembly was sealed")
        if found[name] != wanted[name]:
            raise _broken(assembly / name, "it is another than when the assembly was sealed")
    _refuse_outside(assembly)


def _forget_archives(assembly: Path) -> None:
    """Remove archives that were made of assets before: the CDK CLI would upload them instead of the assets."""
    for folder in _assemblies(assembly):
        cache = folder / _CACHE
        try:
            shutil.rmtree(cache)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _broken(
                cache, f"the CDK CLI would upload what it holds, and it cannot be removed: {error}"
            ) from error
        if os.path.lexists(cache):
            raise _broken(cache, "the CDK CLI would upload what it holds, and it is still there")


def _assemblies(folder: Path) -> Iterator[Path]:
    """Yield the folder of an assembly and those of the assemblies in it, as CDK calls them."""
    yield folder
    for within in sorted(folder.glob("assembly-*")):
        if within.is_dir() and not within.is_symlink():
            yield from _assemblies(within)


def _refuse_outside(assembly: Path) -> None:
    """Raise ``CommandError`` for a link or an asset that leads out of the assembly: nobody sealed what is there."""
    inside = assembly.resolve()
    try:
        declared = list(taken(assembly))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _broken(assembly, f"what its manifests name cannot be read: {error!r}") from error
    links = ((path, path) for path in _paths(assembly) if path.is_symlink())
    for told_in, path in (*declared, *links):
        if not path.resolve().is_relative_to(inside):
            raise _broken(told_in, f"it leads out of the assembly, to {path.resolve()}, which no seal covers")


def _contents(assembly: Path) -> Iterator[tuple[str, str]]:
    """Yield each file below the assembly by its path within, with what counts of it."""
    for path in _paths(assembly):
        lock = path.parent == assembly and _LOCK.fullmatch(path.name) and not path.is_symlink()
        if path != assembly / SEAL and not lock:
            yield path.relative_to(assembly).as_posix(), _sum(path)


def _paths(assembly: Path) -> Iterator[Path]:
    """Yield files and links below the assembly."""
    for place, folders, names in os.walk(assembly):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        yield from (here / name for name in (*names, *links))


def _sum(path: Path) -> str:
    """Return the sum of a file, whether it may be executed, as an archive keeps it, or where a link leads."""
    if path.is_symlink():
        return f"link {os.readlink(path)}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{digest} x" if path.stat().st_mode & 0o100 else digest


def _broken(path: Path, why: str) -> CommandError:
    return CommandError(
        f"{path}: {why}.", safe="nothing was deployed or changed.", next_step=f"{_NEXT}.", file=str(path)
    )
