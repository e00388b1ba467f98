"""Files as producers would drop them: CSV and gzipped NDJSON, dirt included, the same bytes for the same seed."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shopsphere.generate.dirt import Dirt, Planted, Rules, plant, reason
from shopsphere.generate.manifest import DatasetManifest


@dataclass(frozen=True)
class Layout:
    """A dataset's columns and where they can be broken."""

    name: str
    columns: tuple[str, ...]
    rules: Rules


def write_file(
    out: Path, layout: Layout, stem: str, *, columns: list[list[str]], dirt: Dirt, rng: np.random.Generator,
    manifest: DatasetManifest,
) -> Planted:  # fmt: skip
    """Write one file of ``columns`` (text, ready for the format) and count it; return what was planted."""
    planted = plant(columns, layout.rules, dirt, rng)
    folder = out / layout.name
    folder.mkdir(parents=True, exist_ok=True)
    if layout.rules.is_json:
        name, body = f"{stem}.ndjson.gz", gzip.compress(_json_lines(layout, columns, planted), 6, mtime=0)
    else:
        name, body = f"{stem}.csv", _csv_lines(layout, columns, planted)
    (folder / name).write_bytes(body)
    kinds = Counter([*planted.kinds.values(), *planted.blemishes.values()])
    quarantined: Counter[str] = Counter()
    for kind, count in Counter(planted.kinds.values()).items():
        quarantined[reason(kind, layout.rules)] += count
    if planted.repeated:
        kinds["duplicate"] += len(planted.repeated)
    if planted.extra_column:
        kinds["extra_column"] += 1
        manifest.extra_column_files.append(f"{layout.name}/{name}")
    manifest.add(records=len(columns[0]) + len(planted.repeated), dirt=kinds, quarantined=quarantined)
    return planted


def csv_text(value: str) -> str:
    """Return ``value`` as a CSV field, quoted only where it must be."""
    if any(mark in value for mark in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _csv_lines(layout: Layout, columns: list[list[str]], planted: Planted) -> bytes:
    header = ",".join(layout.columns)
    lines = list(map(",".join, zip(*columns, strict=True)))
    extra = ""
    if planted.extra_column:
        header, extra = f"{header},source_system", ",shop-7"
        lines = [line + extra for line in lines]
    for row, kind in planted.kinds.items():
        if kind == "wrong_field_count":
            lines[row] = lines[row].rpartition(",")[0]
        elif kind == "trailing_garbage":
            lines[row] += ",;;#REF!"
    lines.extend(lines[row] for row in planted.repeated)
    return ("\n".join([header, *lines]) + "\n").encode()


def _json_lines(layout: Layout, columns: list[list[str]], planted: Planted) -> bytes:
    template = "{{" + ",".join(f'"{name}":{{}}' for name in layout.columns) + "}}"
    lines = [template.format(*row) for row in zip(*columns, strict=True)]
    for row, kind in planted.kinds.items():
        if kind == "malformed_json":
            lines[row] = lines[row][: len(lines[row]) // 2]
        elif kind == "trailing_garbage":
            lines[row] += " <EOF>"
    lines.extend(lines[row] for row in planted.repeated)
    return ("\n".join(lines) + "\n").encode()
