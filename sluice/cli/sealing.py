"""Seals a cloud assembly: what it holds, file by file, so that what is deployed is what was tested.

`SEAL` lists each file's SHA-256 sum; the seal's own sum is the digest, which whoever tested hands on by another way
than the assembly. CDK names assets by their content when it makes them, and nobody compares the two afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sluice.errors import CommandError

SEAL: Final = "sealed.json"
#: Where the CDK CLI keeps archives that it made of assets, and takes them from again.
_CACHE: Final = ".cache"
_NEXT = "take the assembly that was sealed, or synthesize, test and seal anew"


def seal(assembly: Path) -> str:
    """Write what the assembly holds into it, and return the digest of that."""
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
    # Archives that were made of assets before would be uploaded instead of them.
    shutil.rmtree(assembly / _CACHE, ignore_errors=True)
    found = dict(_contents(assembly))
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise _broken(assembly / name, "it was there when the assembly was sealed, and is gone")
        if name not in wanted:
            raise _broken(assembly / name, "it was not there when the assembly was sealed")
        if found[name] != wanted[name]:
            raise _broken(assembly / name, "it is another than when the assembly was sealed")


def _contents(assembly: Path) -> Iterator[tuple[str, str]]:
    """Yield each file below the assembly by its path within, with what counts of it."""
    for place, folders, names in os.walk(assembly):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        if here == assembly:
            folders[:] = [name for name in folders if name != _CACHE]
        for path in (here / name for name in (*names, *links)):
            if path == assembly / SEAL:
                continue
            yield path.relative_to(assembly).as_posix(), _sum(path)


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
