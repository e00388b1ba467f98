"""The functions' code and layer fit Lambda, are for Lambda's Python and processor, and hold all that is imported."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from infra.bundle import Bundle, layer_folder
from infra.config import PYTHON, WHEEL_PLATFORM
from tests.folders import CACHE

#: Lambda refuses more, code and layers together, unzipped.
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BYTES = 262_144_000
#: What a new wheel version may grow before somebody looks at what came along: a fifteenth is left, bytecode included.
LAYER_BUDGET = 245_000_000
#: Code is loaded at every cold start and uploaded with every change of a contract; two fifths of it are bytecode. The
#: small project's contracts are hardly any of it.
CODE_BUDGET = 2_400_000
#: Lambda's Python runtime brings these.
IN_RUNTIME = {"boto3", "botocore"}
#: Packages and modules that no function runs.
NOT_IN_CODE = {
    *("tests", "benchmarks", "infra", "localaws", "glue_jobs", "shopsphere", "transforms"),
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
    assert missing(bundle.code.rglob("*.py"), layer, bundle.code) == []


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("import pyarrow.flight", "flight.py: pyarrow._flight"),
        ("from pyarrow import flight", "flight.py: pyarrow._flight"),
        ("def late():\n    from pyarrow.flight import connect", "flight.py: pyarrow._flight"),
        ("from pyiceberg.catalog.sql import SqlCatalog", "sql.py: sqlalchemy"),
        ("from pyiceberg.catalog.hive import HiveCatalog", "hive.py: hive_metastore.ttypes"),
        ("import fsspec.implementations.http", "http.py: aiohttp"),
        ("from zstandard.backend_cffi import ZstdCompressor", "toy.py: zstandard.backend_cffi"),
        ("import pyarrow.tests.util", "toy.py: pyarrow.tests.util"),
        ("from pyarrow import no_such_thing_of_arrows", "toy.py: pyarrow.no_such_thing_of_arrows"),
        ("import sqlglot", "toy.py: sqlglot"),
        ("import sluice.cli", "toy.py: sluice.cli"),
    ],
)
def test_an_import_that_would_fail_in_the_layer_is_found(
    statement: str, lost: str, layer: Path, bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "toy.py").write_text(statement)
    assert lost in missing([tmp_path / "toy.py"], layer, bundle.code)


def test_nothing_is_in_the_layer_that_the_runtime_brings(layer: Path) -> None:
    assert [name for name in IN_RUNTIME if (layer / name).exists()] == []


def test_no_test_or_command_line_is_in_the_code(bundle: Bundle) -> None:
    modules = bundle.code.rglob("*.py")
    parts = {part for path in modules for part in path.relative_to(bundle.code).with_suffix("").parts}
    assert {"lambdas", "sluice"} <= parts
    assert parts & NOT_IN_CODE == set()


def imports(path: Path, *, at_once: bool = False) -> Iterator[str]:
    """Yield every module that is imported at run time, anywhere in a file; ``at_once``: when the file is imported.

    What may be missing (a `try` that goes on without it) is then left out, as is what a function imports when it is
    called. What `from a import b` takes out of a module, which may be a module too, is yielded as `a:b`.
    """
    tree = ast.parse(path.read_text())
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    skipped = {inner for check in checks for statement in check.body for inner in ast.walk(statement)}
    if at_once:
        skipped |= {inner for node in ast.walk(tree) if is_optional(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert at_once or node.level == 0, f"{path}: imports are absolute"
            if node.level == 0:
                yield str(node.module)
                yield from (f"{node.module}:{alias.name}" for alias in node.names if alias.name != "*")


def is_optional(node: ast.AST) -> bool:
    """Whether what a statement holds may not be run, or may fail, when its module is imported."""
    if isinstance(node, ast.Try):
        return not all(isinstance(handler.body[-1], ast.Raise) for handler in node.handlers)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.If)


def origin(module: str, layer: Path, code: Path) -> Path | None:
    """Return the file of a module or package that a function finds in its layer or code; None if there is none."""
    top, path = module.split(".", maxsplit=1)[0], Path(*module.split("."))
    folder = code if top in {"sluice", "lambdas"} else layer
    found = (folder / path / "__init__.py", (folder / path).with_suffix(".py"), *folder.glob(f"{path}.*.so"))
    file = next((each for each in found if each.is_file()), None)
    if file is None and any(folder.glob(f"{top}.*.so")):
        return next(folder.glob(f"{top}.*.so"))  # compiled: what is in it cannot be read
    return file or (
        (folder / path) if (folder / path).is_dir() and any((folder / path).glob("*/__init__.py")) else None
    )


def missing(files: Iterable[Path], layer: Path, code: Path) -> list[str]:
    """Return each import, with the file that it is in, that would fail in a function: at once or when it is called.

    What third parties' modules import as they are imported is followed; what they import in a `try` or later is not.
    """
    found, seen = set(), set()
    left = [(file, each) for file in files for each in imports(file)]
    while left:
        at, each = left.pop()
        module, _, name = each.partition(":")
        if each in seen or module.partition(".")[0] in {*sys.stdlib_module_names, *IN_RUNTIME}:
            continue
        seen.add(each)
        file = origin(each.replace(":", "."), layer, code)
        if file is None and (not name or lacks(origin(module, layer, code), name)):
            found.add(f"{at.name}: {each.replace(':', '.')}")
        if file is None:
            continue
        left += [(file, parent)] if (parent := module.rpartition(".")[0]) else []
        if file.suffix == ".py" and file.is_relative_to(layer):
            left += [(file, one) for one in imports(file, at_once=True)]
    return sorted(found)


def lacks(file: Path | None, name: str) -> bool:
    """Whether a module that is there has no such name in its source, and makes none when asked (`__getattr__`)."""
    if file is None or file.suffix != ".py":
        return False
    return re.search(rf"\b({name}|__getattr__)\b|import \*", file.read_text()) is None
