"""The bill of materials tells the lock and the layer, conforms to CycloneDX, and names what states no licence."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.bundle import LOCK, bills_of, keep_bills, layer_folder
from infra.sbom import licences, locked, write
from sluice.errors import SluiceError
from tests.folders import CACHE

WANTED = "# The functions' own.\nalpha[fast]  # why\n"
HASHES = {"alpha": ["a" * 64, "b" * 64], "beta": ["c" * 64], "gamma": ["d" * 64]}
LOCKED = "# made by a test\n" + "".join(
    f"{name}==1.0 ; python_version > '3' \\\n" + " \\\n".join(f"    --hash=sha256:{each}" for each in hashes) + "\n"
    for name, hashes in HASHES.items()
)


def wheel(layer: Path, name: str, *stated: str, version: str = "1.0") -> Path:
    folder = layer / "python" / f"{name}-{version}.dist-info"
    (folder / "licenses").mkdir(parents=True)
    (folder / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *stated])
    )
    (folder / "licenses" / "LICENSE").write_text("the text")
    return folder


def carrying(folder: Path, *bills: str) -> None:
    """Put bills of its own into a wheel, and into its record."""
    for bill in bills:
        (folder / "sboms" / bill).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sboms" / bill).write_text(json.dumps({"of": bill}))
    paths = [file.relative_to(folder.parent).as_posix() for file in folder.rglob("*") if file.is_file()]
    (folder / "RECORD").write_text("".join(f"{path},sha256=abc,1\n" for path in [*paths, f"{folder.name}/RECORD"]))


def own_bills(component: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in component["externalReferences"] if each["type"] == "bom"]


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    wheel(
        tmp_path / "layer", "alpha", "License-Expression: Apache-2.0 OR MIT", "Requires-Dist: beta",
        'Requires-Dist: gamma ; extra == "fast"', 'Requires-Dist: absent ; sys_platform == "win32"',
    )  # fmt: skip
    carrying(wheel(tmp_path / "layer", "beta", "License: MIT"), "crates.json", "of/more.json")
    keep_bills(tmp_path / "layer" / "python", bills_of(tmp_path / "layer"))
    wheel(tmp_path / "layer", "gamma", "Classifier: License :: OSI Approved :: BSD License")
    return tmp_path / "layer"


def written(layer: Path, out: Path, lock: str = LOCKED) -> tuple[dict[str, Any], str]:
    write(layer, lock, WANTED, out)
    return json.loads((out / "sbom.cdx.json").read_text()), (out / "licences.md").read_text()


def test_the_bill_holds_versions_hashes_licences_and_who_needs_whom(layer: Path, tmp_path: Path) -> None:
    bill, _ = written(layer, tmp_path / "out")
    found = {each["name"]: each for each in bill["components"]}
    for name, hashes in HASHES.items():
        archive = next(each for each in found[name]["externalReferences"] if each["type"] == "distribution")
        assert sorted(each["content"] for each in archive["hashes"]) == hashes
        assert (found[name]["version"], found[name]["purl"]) == ("1.0", f"pkg:pypi/{name}@1.0")
    assert found["alpha"]["licenses"] == [{"expression": "Apache-2.0 OR MIT"}]
    assert found["beta"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert found["gamma"]["licenses"] == [{"license": {"name": "BSD License"}}]
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert needs["layer"] == ["pkg:pypi/alpha@1.0"]
    assert sorted(needs["pkg:pypi/alpha@1.0"]) == ["pkg:pypi/beta@1.0", "pkg:pypi/gamma@1.0"]


def test_a_wheels_own_bills_lie_where_the_bill_says_even_if_they_are_not_in_the_layer(
    layer: Path, tmp_path: Path
) -> None:
    shutil.rmtree(layer / "python" / "beta-1.0.dist-info" / "sboms")
    stale = tmp_path / "out" / "sboms" / "alpha-0.9.dist-info" / "sboms" / "old.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("of another lock")
    bill, _ = written(layer, tmp_path / "out")
    found = {each["name"]: own_bills(each) for each in bill["components"]}
    assert [name for name, bills in found.items() if bills] == ["beta"]
    files = [tmp_path / "out" / each["url"] for each in found["beta"]]
    assert sorted(json.loads(file.read_text())["of"] for file in files) == ["crates.json", "of/more.json"]
    for file, each in zip(files, found["beta"], strict=True):
        assert [one["content"] for one in each["hashes"]] == [hashlib.sha256(file.read_bytes()).hexdigest()]
    assert {file for file in (tmp_path / "out" / "sboms").rglob("*") if file.is_file()} == set(files)


def test_a_wheels_own_bill_that_was_not_kept_is_named_and_nothing_is_written(layer: Path, tmp_path: Path) -> None:
    (bills_of(layer) / "beta-1.0.dist-info" / "sboms" / "crates.json").unlink()
    with pytest.raises(SluiceError, match=r"beta has a bill .* not kept: beta-1\.0\.dist-info/sboms/crates\.json"):
        written(layer, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_list_of_licences_names_each_package_and_its_texts(layer: Path, tmp_path: Path) -> None:
    _, listed = written(layer, tmp_path / "out")
    assert "| alpha | 1.0 | Apache-2.0 OR MIT | `python/alpha-1.0.dist-info/licenses/LICENSE` |" in listed
    assert listed.count("\n| ") == 1 + len(HASHES)


@pytest.mark.parametrize(
    "stated",
    [(), ("License: UNKNOWN",), ("License:",), ("Classifier: License :: OSI Approved",), ("License-File: LICENSE",)],
)
def test_a_package_that_states_no_licence_is_named_and_nothing_is_written(
    stated: tuple[str, ...], layer: Path, tmp_path: Path
) -> None:
    wheel(layer, "silent", *stated)
    with pytest.raises(SluiceError, match="silent states no licence"):
        written(layer, tmp_path / "out", LOCKED + f"silent==1.0 \\\n    --hash=sha256:{'e' * 64}\n")
    assert not (tmp_path / "out").exists()


def test_a_layer_that_is_not_the_locks_is_refused_with_every_difference(layer: Path, tmp_path: Path) -> None:
    wheel(layer, "stray", "License: MIT")
    lock = LOCKED.replace("beta==1.0", "beta==2.0") + f"missing==1.0 \\\n    --hash=sha256:{'e' * 64}\n"
    with pytest.raises(SluiceError) as refused:
        written(layer, tmp_path / "out", lock)
    for sentence in (
        "beta is 1.0 in the layer and 2.0 in the lock.",
        "missing is in the lock and not in the layer.",
        "stray is in the layer and not in the lock.",
    ):
        assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "free_text", "classifiers", "expected"),
    [
        ("MIT", "", ["License :: OSI Approved :: BSD License"], ("MIT",)),
        ("", "apache-2.0", [], ("Apache-2.0",)),
        ("", "MIT License", ["License :: OSI Approved :: MIT License"], ("MIT",)),
        ("", "Dual License", ["License :: OSI Approved :: BSD License"], ("BSD License",)),
        ("", "Dual License", [], ("Dual License",)),
        ("", "BSD 3-Clause License\n\nCopyright (c) somebody\n" + "all rights " * 99, [], ("BSD 3-Clause License",)),
        ("", "", ["License :: OSI Approved", "License :: OSI Approved :: ISC License (ISCL)"], ("ISC",)),
    ],
)
def test_the_most_exact_statement_of_a_licence_counts(
    expression: str, free_text: str, classifiers: list[str], expected: tuple[str, ...]
) -> None:
    assert licences(expression, free_text, classifiers) == expected


@given(
    st.text(max_size=30), st.text(max_size=300), st.lists(st.text(max_size=20).map("License :: {}".format), max_size=3)
)
@pytest.mark.slow
def test_whatever_is_stated_as_a_licence_is_told_in_one_line(
    expression: str, free_text: str, classifiers: list[str]
) -> None:
    for name in licences(expression, free_text, classifiers):
        assert name.strip()
        assert len(name.splitlines()) == 1


@pytest.mark.slow
def test_the_real_layers_bill_conforms_to_cyclonedx_and_holds_all_that_is_locked(tmp_path: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    write(layer_folder(CACHE), LOCK.read_text(), LOCK.with_suffix(".in").read_text(), tmp_path)
    text = (tmp_path / "sbom.cdx.json").read_text()
    # Here: it takes seconds to import, and the fast tests are collected with this one.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"type": "library"', '"type": "book"', 1)) is not None
    bill = json.loads(text)
    assert {(each["name"].lower().replace("_", "-"), each["version"]) for each in bill["components"]} == {
        (name, entry.version) for name, entry in locked(LOCK.read_text()).items()
    }
    own = {each["name"]: own_bills(each) for each in bill["components"]}
    assert {"orjson", "pydantic_core", "pyiceberg-core"} <= {name for name, bills in own.items() if bills}
    for each in (each for bills in own.values() for each in bills):
        assert json.loads((tmp_path / each["url"]).read_text())["bomFormat"] == "CycloneDX"
    (crates,) = own["pyiceberg-core"]
    assert len(json.loads((tmp_path / crates["url"]).read_text())["components"]) > 300
    reached, left = set[str](), ["layer"]
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    while left:
        reached.add(ref := left.pop())
        left.extend(set(needs[ref]) - reached)
    assert reached == set(needs), "what nothing needs has no place in the layer"
