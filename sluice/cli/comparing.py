"""Compares a changed transform with what is published, for `sluice compare`."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from sluice.cli.deployment import Deployment
from sluice.cli.fitted import print_table
from sluice.counted import counted
from sluice.errors import CommandError, WrongArgument
from sluice.load import load_contracts, load_project
from sluice.project import Project
from sluice.tables.catalog import glue_catalog
from sluice.transforms.compile import compile_project

if TYPE_CHECKING:
    from sluice.refresh.duckdb.compare import Comparison


def compare_with(
    deployment: Deployment, table: str, *, contracts: Sequence[Path], ref: str, tell: Callable[[str], None]
) -> Comparison:
    """Compare what the working tree, or the git revision ``ref``, would make of ``table`` with what is published."""
    from sluice.refresh.duckdb.compare import compare

    settings = deployment.settings
    with tempfile.TemporaryDirectory(prefix="sluice-compare-") as scratch:
        tell(f"compiling the transforms of {ref or 'the working tree'}")
        project = _at_revision(contracts, ref, Path(scratch)) if ref else load_project(contracts)

        def load(name: str) -> object:
            database, _, plain = name.partition(".")
            return glue_catalog().load_table((settings.database(database), plain))

        work = Path(scratch) / "work"
        work.mkdir()
        return compare(project, load, table, scratch=work, tell=tell)  # type: ignore[arg-type]


def _at_revision(contracts: Sequence[Path], ref: str, scratch: Path) -> Project:
    """Return the project as git has it at ``ref``: the contract folders, and ``glue_jobs/`` beside each."""
    found: list[Path] = []
    for number, folder in enumerate(contracts):
        root, place = folder.resolve().parent, scratch / str(number)
        body = _git(root, "archive", "--format=tar", ref, folder.name, "glue_jobs")
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            archive.extractall(place, filter="data")
        found.append(place / folder.name)
    jobs = [folder.parent / "glue_jobs" for folder in found]
    # In its own folder, so that transforms import the helpers of that revision.
    return compile_project(load_contracts(found), *jobs, folder=found[0].parent)


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CommandError(
            "There is no git on this machine, which reads a revision's transforms.", safe="nothing was changed.",
            next_step="leave out --transform to compare the working tree.", file=str(root),
        ) from error  # fmt: skip
    if done.returncode:
        raise WrongArgument(
            f"git cannot read that revision in {root}: {done.stderr.decode(errors='replace').strip()[:500]}",
            safe="nothing was changed.",
            next_step="name a branch, tag or commit that has the contracts and glue_jobs/ (`git log`).",
            file=str(root),
        )
    return done.stdout


def print_comparison(found: Comparison, console: Console) -> None:
    """Print what would change, for people."""
    by = f" by {', '.join(found.key)}" if found.key else ""
    console.print(
        f"{found.table}: {counted(found.rows_before, 'row')} published, {found.rows_after:,} would be{by}: "
        f"{found.added:,} added, {found.removed:,} removed, {found.changed:,} changed",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for word, names in (("new", found.columns_added), ("no longer there", found.columns_removed)):
        if names:
            console.print(f"columns {word}: {', '.join(names)}", highlight=False, soft_wrap=True)
    for name, (before, after) in found.types_changed.items():
        console.print(f"{name}: type {before} before, {after} after", highlight=False, soft_wrap=True)
    if found.columns_changed:
        console.print("changed by column: " + ", ".join(f"{n} {c:,}" for n, c in found.columns_changed.items()))
    rows = [
        (name, side, *map(str, (said.sum, said.min, said.max, said.nulls)))
        for name, sides in found.numbers.items()
        for side, said in zip(("before", "after"), sides, strict=True)
    ]
    if rows:
        print_table(console, ("column", "", "sum", "min", "max", "nulls"), rows)
    for kind, keys in found.examples.items():
        for each in keys:
            text = ", ".join(f"{name}={value}" for name, value in each.items())
            console.print(f"{kind}: {text}", highlight=False, markup=False, soft_wrap=True)
    read = ", ".join(f"{name}@{snapshot}" for name, snapshot in found.inputs.items())
    console.print(f"Both from {read}; nothing was published.", highlight=False, soft_wrap=True)
