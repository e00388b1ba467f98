"""What the functions' layer is made of: a bill of materials (CycloneDX) and the licences, from the lock and the wheels.

``python -m infra.sbom`` (``make sbom``) writes ``build/sbom.cdx.json`` and ``build/licences.md``, and beside them in
``build/sboms`` the wheels' own bills, to which the first refers. Names and versions must be the lock's; licences and
dependencies are what each wheel's metadata states. A package that states no licence fails the command: nobody can say
whether it may be passed on; so does one whose own bill was not kept.
"""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PathDistribution, version
from pathlib import Path, PurePosixPath

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import fixup_id, is_expression
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sluice.errors import SluiceError
from sluice.folders import needed_project

from .bundle import BILLS, LOCK, bills_of, layer_folder
from .config import PYTHON, WHEEL_PLATFORM

#: Where all of it is written, in the project.
OUT = "build"
#: Where the wheels' own bills are, beside the layer's.
_SBOMS = "sboms"
#: Classifiers that name one licence and one version of it; "BSD License", say, names a family.
_SPDX = {"MIT License": "MIT", "ISC License (ISCL)": "ISC", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0"}
#: What tools write where nothing was stated, and the classifier that is only a heading of others.
_NOTHING = {"", "UNKNOWN", "OSI Approved"}
#: Longer than any licence's name: some packages put the whole text of the licence in the field for its name.
_LONGEST_NAME = 100
#: What markers of requirements are answered with (https://packaging.python.org/en/latest/specifications/dependency-specifiers/).
_MARKERS = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": WHEEL_PLATFORM.split("-")[0],
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


@dataclass(frozen=True)
class Locked:
    """One package of the lock: its version, and the SHA-256 sums of the archives that may be installed as it."""

    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Package:
    """One installed package: what its own metadata states. Texts of licences are relative to the layer.

    ``own_boms`` are relative to the installed packages, each with its SHA-256 sum, or none if it is not there.
    """

    name: str
    version: str
    licences: tuple[str, ...]
    requires: tuple[Requirement, ...]
    licence_files: tuple[str, ...]
    own_boms: tuple[tuple[str, str], ...]


def locked(lock: str) -> dict[str, Locked]:
    """Return the packages of a lock with hashes, by normalized name."""
    packages: dict[str, Locked] = {}
    for entry in re.sub(r"\\\n", " ", lock).splitlines():
        requirement, *options = entry.split("#")[0].split() or [""]
        if requirement:
            name, _, number = requirement.partition("==")
            hashes = tuple(found for option in options if (found := option.partition("--hash=sha256:")[2]))
            packages[canonicalize_name(name)] = Locked(number, hashes)
    return packages


def installed(layer: Path) -> dict[str, Package]:
    """Return the packages of a layer's folder, by normalized name."""
    folders = sorted((layer / "python").glob("*.dist-info"))
    packages = [_package(folder, layer) for folder in folders]
    return {canonicalize_name(package.name): package for package in packages}


def _package(folder: Path, layer: Path) -> Package:
    distribution = PathDistribution(folder)
    metadata = distribution.metadata

    def files(*patterns: str) -> tuple[str, ...]:
        found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
        return tuple(sorted(str(path.relative_to(layer)) for path in found))

    def stated(field: str) -> str:
        return "".join(metadata.get_all(field) or ())

    return Package(
        name=metadata["Name"],
        version=metadata["Version"],
        licences=licences(stated("License-Expression"), stated("License"), metadata.get_all("Classifier") or ()),
        requires=tuple(map(Requirement, distribution.requires or [])),
        # In a folder of its own since metadata 2.4, beside the metadata before.
        licence_files=files("licenses/**/*", "LICEN[CS]E*", "COPYING*", "NOTICE*"),
        own_boms=tuple((each, _sum(bills_of(layer) / each)) for each in _own_boms(distribution)),
    )


def _own_boms(distribution: PathDistribution) -> list[str]:
    """Return the bills that a wheel was made with, by its record: some are taken out of the layer."""
    record = csv.reader((distribution.read_text("RECORD") or "").splitlines())
    paths = [PurePosixPath(row[0]) for row in record if row]
    return sorted(str(path) for path in paths if any(each.match(BILLS) for each in path.parents))


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def licences(expression: str, free_text: str, classifiers: Iterable[str]) -> tuple[str, ...]:
    """Return the licences that a package states, as SPDX where that is certain, else in its own words; perhaps empty.

    The fields in the order of how exact they are: the SPDX expression, a free text that is one, the classifiers, any
    free text (of a whole licence its first line).
    """
    free_text = free_text.strip()
    for stated in (_one_line(expression), _one_line(free_text)):
        if stated and (fixup_id(stated) or is_expression(stated)):
            return (fixup_id(stated) or stated,)
    names = (_one_line(each.rpartition(" :: ")[2]) for each in classifiers if each.startswith("License :: "))
    if by_classifier := tuple(_SPDX.get(name, name) for name in names if name not in _NOTHING):
        return by_classifier
    name = _one_line(free_text.splitlines()[0])[:_LONGEST_NAME] if free_text else ""
    return () if name in _NOTHING else (name,)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def problems(lock: Mapping[str, Locked], packages: Mapping[str, Package]) -> Iterator[str]:
    """Yield a sentence for each package that differs between layer and lock, or lacks a licence or its own bill."""
    for name in sorted({*lock, *packages}):
        if name not in packages:
            yield f"{name} is in the lock and not in the layer."
        elif name not in lock:
            yield f"{name} is in the layer and not in the lock."
        elif packages[name].version != lock[name].version:
            yield f"{name} is {packages[name].version} in the layer and {lock[name].version} in the lock."
        if name in packages and not packages[name].licences:
            yield f"{name} states no licence (neither License-Expression nor License nor a classifier)."
        if name in packages:
            lost = [file for file, digest in packages[name].own_boms if not digest]
            yield from (f"{name} has a bill of its own that was not kept: {file}." for file in lost)


def bill(lock: Mapping[str, Locked], packages: Mapping[str, Package], wanted: Iterable[Requirement]) -> str:
    """Return the bill of materials of the layer as CycloneDX 1.6 JSON; ``wanted`` are the functions' own requirements.

    SluiceError if it does not conform to CycloneDX's schema.
    """
    bom = Bom()
    bom.metadata.component = root = Component(
        name="sluice-functions-layer", version=version("sluice"), type=ComponentType.APPLICATION, bom_ref="layer"
    )
    components = {name: _component(package, lock[name]) for name, package in packages.items()}
    bom.components.update(components.values())
    extras = _extras([*wanted, *(each for package in packages.values() for each in package.requires)])
    bom.register_dependency(root, [components[name] for name in _needed(wanted, frozenset()) if name in components])
    for name, package in packages.items():
        needed = _needed(package.requires, extras.get(name, frozenset()))
        bom.register_dependency(components[name], [components[each] for each in needed if each in components])
    text = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SluiceError(
            f"The bill of materials breaks CycloneDX's schema: {error!r}",
            safe="nothing was written.",
            next_step="mend what makes the bill (infra/sbom.py), or take the validator's version that accepts it.",
        )
    return text


def _component(package: Package, entry: Locked) -> Component:
    address = PackageURL("pypi", name=canonicalize_name(package.name), version=package.version)
    archive = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(address.to_string()),
        comment="the lock allows the archives of these hashes",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in entry.hashes],
    )
    own = [
        ExternalReference(
            type=ExternalReferenceType.BOM,
            url=XsUri(f"{_SBOMS}/{file}"),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        )
        for file, digest in package.own_boms
    ]
    return Component(
        name=package.name,
        version=package.version,
        bom_ref=address.to_string(),
        purl=address,
        licenses=list(map(_licence, package.licences)),
        external_references=[archive, *own],
    )


def _licence(stated: str) -> License:
    return LicenseFactory().make_from_string(stated)


def _extras(requirements: Iterable[Requirement]) -> dict[str, frozenset[str]]:
    """Return which extras of each package somebody asks for."""
    found: dict[str, frozenset[str]] = {}
    for each in requirements:
        name = canonicalize_name(each.name)
        found[name] = found.get(name, frozenset()) | each.extras
    return found


def _needed(requirements: Iterable[Requirement], extras: frozenset[str]) -> set[str]:
    """Return the names of the requirements that hold on the functions' platform, with these extras."""
    return {
        canonicalize_name(each.name)
        for each in requirements
        if each.marker is None or any(each.marker.evaluate({**_MARKERS, "extra": extra}) for extra in ("", *extras))
    }


def licence_list(packages: Mapping[str, Package]) -> str:
    """Return the licences as a Markdown table, with the files of the layer that hold their texts."""
    rows = [
        f"| {package.name} | {package.version} | {', '.join(package.licences).replace('|', '/')} | "
        f"{'<br>'.join(f'`{file}`' for file in package.licence_files) or 'none in the wheel'} |"
        for package in packages.values()
    ]
    head = (
        "# Licences of the functions' layer",
        "",
        "| package | version | licence | texts, in the layer |",
        "|---|---|---|---|",
    )
    return "\n".join([*head, *rows]) + "\n"


def write(layer: Path, lock: str, wanted: str, out: Path) -> None:
    """Write both files and the wheels' own bills of ``layer`` to ``out``; SluiceError names all that is wrong."""
    entries, packages = locked(lock), installed(layer)
    if found := list(problems(entries, packages)):
        raise SluiceError(
            "\n".join(found),
            safe=f"Nothing was written to {out}.",
            next_step="`make lock` and `make setup` make lock and layer agree; for a package without a licence ask its "
            "authors, take a version that states one, or leave it out of lambdas/requirements.in; for a bill that was "
            f"not kept remove {layer.parent}, so that the layer is made anew",
            file=str(layer),
        )
    requirements = [Requirement(line) for each in wanted.splitlines() if (line := each.partition("#")[0].strip())]
    text = bill(entries, packages, requirements)
    out.mkdir(parents=True, exist_ok=True)
    (out / "sbom.cdx.json").write_text(text)
    (out / "licences.md").write_text(licence_list(packages))
    shutil.rmtree(out / _SBOMS, ignore_errors=True)
    for file in (file for package in packages.values() for file, _ in package.own_boms):
        (out / _SBOMS / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bills_of(layer) / file, out / _SBOMS / file)


def main() -> int:
    """Write all of it to ``build/``; 1 if something is wrong."""
    try:
        here = needed_project()
        here.cache.mkdir(parents=True, exist_ok=True)
        out = here.root / OUT
        write(layer_folder(here.cache), LOCK.read_text(), LOCK.with_suffix(".in").read_text(), out)
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{out / 'sbom.cdx.json'}\n{out / 'licences.md'}\n{out / _SBOMS}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
