"""The functions' code and layer fit Lambda, are for Lambda's Python and processor, and hold all that is imported."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.bundle import CACHE, Bundle, layer_folder
from infra.config import PYTHON, WHEEL_PLATFORM

#: Lambda refuses more, code and layers together, unzipped.
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BYTES = 262_144_000
#: What a new wheel version may grow before somebody looks at what came along: a fifteenth is left.
LAYER_BUDGET = 245_000_000
#: Code is loaded at every cold start and uploaded with every change of a contract.
CODE_BUDGET = 2_000_000
#: Lambda's Python runtime brings these.
IN_RUNTIME = {"boto3", "botocore"}
#: Packages and modules that no function runs.
NOT_IN_CODE = {
    *("tests", "benchmarks", "infra", "localaws", "glue_jobs", "shopsphere", "transforms", "__pycache__"),
    *("cli", "commands", "demo", "generate"),
}
_ELF_AARCH64 = 183

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def layer() -> Path:
    """The real layer, from the cache that `sluice up` uses too."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return layer_folder(CACHE) / "python"


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_code_and_layer_fit_lambda(layer: Path, bundle: Bundle) -> None:
    assert size(layer) < LAYER_BUDGET
    assert size(bundle.code) < CODE_BUDGET
    assert size(layer) + size(bundle.code) < MAX_BYTES


def test_every_wheel_is_for_lambdas_python_and_processor(layer: Path) -> None:
    version = PYTHON.replace(".", "")
    processor = WHEEL_PLATFORM.split("-")[0]
    tags = {
        (path.parent.name, tag)
        for path in layer.glob("*.dist-info/WHEEL")
        for tag in re.findall(r"^Tag: (.+)$", path.read_text(), re.MULTILINE)
    }
    assert tags
    fits = re.compile(rf"(py3|py2\.py3|py2|cp{version}|cp3\d+)-(none|abi3|cp{version})-(any|\w*linux\w*_{processor})")
    for wheel, tag in tags:
        assert fits.fullmatch(tag), (wheel, tag)
        if tag.startswith("cp") and not tag.startswith(f"cp{version}-"):
            assert "-abi3-" in tag, (wheel, tag)


def test_every_library_is_for_the_processor(layer: Path) -> None:
    libraries = [path for path in layer.rglob("*") if re.search(r"\.so(\.\d+)*$", path.name) and path.is_file()]
    assert len(libraries) > 20
    for path in libraries:
        with path.open("rb") as file:
            header = file.read(20)
        assert header[:4] == b"\x7fELF", path
        assert int.from_bytes(header[18:20], "little") == _ELF_AARCH64, path
        other = re.search(r"\.cpython-(\d+)", path.name)
        assert other is None or other[1] == PYTHON.replace(".", ""), path


def test_every_import_of_a_function_is_there(layer: Path, bundle: Bundle) -> None:
    missing = {
        (str(path.relative_to(bundle.code)), module)
        for path in bundle.code.rglob("*.py")
        for module in imports(path)
        if not is_there(module, layer, bundle.code)
    }
    assert missing == set()


def test_nothing_is_in_the_layer_that_the_runtime_brings(layer: Path) -> None:
    assert [name for name in IN_RUNTIME if (layer / name).exists()] == []


def test_no_test_or_command_line_is_in_the_code(bundle: Bundle) -> None:
    parts = {part for path in bundle.code.rglob("*") for part in path.relative_to(bundle.code).with_suffix("").parts}
    assert {"lambdas", "sluice"} <= parts
    assert parts & NOT_IN_CODE == set()


def imports(path: Path) -> Iterator[str]:
    """Yield every module that is imported at run time, anywhere in a file."""
    tree = ast.parse(path.read_text())
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    only_for_types = {inner for check in checks for inner in ast.walk(check)}
    for node in ast.walk(tree):
        if node in only_for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}: imports are absolute"
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module


def is_there(module: str, layer: Path, code: Path) -> bool:
    top, path = module.split(".", maxsplit=1)[0], Path(*module.split("."))
    if top in sys.stdlib_module_names or top in IN_RUNTIME:
        return True
    folder = code if top in {"sluice", "lambdas"} else layer
    return (folder / path).is_dir() or (folder / path).with_suffix(".py").exists() or any(folder.glob(f"{path}.*.so"))
