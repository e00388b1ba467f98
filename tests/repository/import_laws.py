"""Laws of imports for import-linter that it does not bring; `make check` runs them with its own, from the root."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: By the function that imports what a text names.
_BY_TEXT = frozenset({"import_module", "__import__", "resolve_name", "run_module"})
#: Run a text, which may import anything.
_RUN_TEXT = frozenset({"exec", "eval"})
#: Beside the packages that are shipped.
_NOT_SHIPPED = frozenset({"tests", "benchmarks"})
#: Of tools, at the root: .gitignore keeps them out of the repository.
_OF_TOOLS = frozenset({"node_modules", "cdk.out", "build", "dist", "spark-warehouse", "metastore_db"})


class _Told(Contract):
    """A contract that found sentences, or nothing."""

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each sentence; what stands in square brackets is taken for a colour, and lost."""
        for sentence in check.metadata["found"]:
            output.print_error(sentence)


def _check(found: Iterable[str]) -> ContractCheck:
    told = list(found)
    return ContractCheck(kept=not told, metadata={"found": told})


class OnlyContract(_Told):
    """What ``source_modules`` import, and what that imports, is ours, Python's own, or among ``allowed_modules``.

    A package that is needed and imports ``registry`` finds its modules by their names, which no graph shows: all of
    them are needed, too.
    """

    type_name = "only"
    source_modules = fields.ListField(subfield=fields.ModuleField())
    allowed_modules = fields.ListField(subfield=fields.StringField())
    registry = fields.StringField(required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find what is needed and not allowed, with one chain of imports to each."""
        del verbose
        allowed = {*sys.stdlib_module_names, *self.allowed_modules, *self.session_options["root_packages"]}
        found: dict[str, str] = {}
        for source, needed in self._needed(graph).items():
            for name in sorted(name for name in needed if name.partition(".")[0] not in allowed):
                chain = graph.find_shortest_chain(source, name, as_packages=True) or (source, "…", name)
                found.setdefault(name, f"{name} is not allowed: {' -> '.join(chain)}")
        return _check(found.values())

    def _needed(self, graph: ImportGraph) -> dict[str, set[str]]:
        """Return what each source needs; the sources, and every package of a registry that one of them needs."""
        found: dict[str, set[str]] = {}
        left = [source.name for source in self.source_modules]
        registries = graph.find_modules_that_directly_import(self.registry) if self.registry else set()
        while left:
            source = left.pop(0)
            if source not in found:
                found[source] = graph.find_upstream_modules(source, as_package=True)
                left += sorted(registries & found[source])
        return found


class DeclaredContract(_Told):
    """Third parties' packages that ``source_modules`` import are dependencies of the project, not of its tests.

    What only another dependency brings goes when that does; what only the group ``dev`` brings is in no installation.
    A module ``testing`` may import what the extra of that name brings, too: only tests import it.
    """

    type_name = "declared"
    source_modules = fields.ListField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find each import of a package that no declared dependency brings."""
        del verbose
        text = Path("pyproject.toml").read_text()
        declared, for_tests = dependencies(text), dependencies(text, extra="testing")
        brought = packages_distributions()
        ours = {*sys.stdlib_module_names, *self.session_options["root_packages"], *_NOT_SHIPPED}
        found = []
        for source in self.source_modules:
            for module in sorted({source.name, *graph.find_descendants(source.name)}):
                for name in sorted(graph.find_modules_directly_imported_by(module)):
                    top = name.partition(".")[0]
                    by = {canonicalize_name(each) for each in brought.get(top, ())}
                    if top not in ours and not by & (for_tests if module.endswith(".testing") else declared):
                        bring = " or ".join(sorted(by)) or "what brings it"
                        found.append(
                            f"{module} -> {top}: {bring} is no dependency of the project, which has it by chance or for"
                            " its tests: do without, or declare it in project.dependencies of pyproject.toml"
                        )
        return _check(found)


def dependencies(pyproject: str, *, extra: str = "") -> set[str]:
    """Return the normalized names of what a project needs wherever it is installed, and of what its extra brings."""
    project = tomllib.loads(pyproject)["project"]
    needed = [*project["dependencies"], *project.get("optional-dependencies", {}).get(extra, [])]
    return {canonicalize_name(Requirement(each).name) for each in needed}


class SeenContract(_Told):
    """Every Python file stands where the other laws look, and imports by statements, which they see.

    ``by_text`` names the modules that import what they are told to, by a text that nobody can read beforehand.
    """

    type_name = "seen"
    by_text = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find what no law sees."""
        del graph, verbose
        roots = list(self.session_options["root_packages"])
        used = {module for package in roots for module, _, _ in imports_by_text(Path(), package)}
        return _check(
            [
                *unknown_packages(Path(), roots),
                *(sentence for package in roots for sentence in no_packages(Path(), package)),
                *(sentence for package in roots for sentence in hidden(Path(), package, set(self.by_text))),
                *(f"{module} imports nothing by a text: take it out of by_text" for module in set(self.by_text) - used),
            ]
        )


def unknown_packages(root: Path, roots: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each module or package at the root of the repository that is none of ours."""
    known = {*roots, *_NOT_SHIPPED}
    for path in sorted(root.resolve().iterdir()):
        if path.name.startswith(".") or path.name in _OF_TOOLS or (path / "pyvenv.cfg").exists():
            continue
        is_python = path.suffix == ".py" or (path.is_dir() and next(path.rglob("*.py"), None) is not None)
        if is_python and path.name not in known:
            yield (
                f"{path.name} is no package that the laws know: name it in root_packages of tool.importlinter, where"
                " the wheel, mypy and vulture name theirs (pyproject.toml), and in a layer of `directions`"
            )


def no_packages(root: Path, package: str) -> Iterator[str]:
    """Yield a sentence for each folder of a package that has Python files and no ``__init__.py``."""
    for folder in sorted({file.parent for file in (root / package).rglob("*.py")}):
        for each in (folder, *folder.parents):
            if each == root:
                break
            if not (each / "__init__.py").exists():
                yield f"{each.as_posix()}/ has no __init__.py: no law sees what is imported there"


def imports_by_text(root: Path, package: str) -> Iterator[tuple[str, int, str]]:
    """Yield module, line and target of each import by a text; the target is empty where it cannot be read.

    Of a text with parts that are put in, the target is what stands before the first.
    """
    for file in sorted((root / package).rglob("*.py")):
        source = file.read_text()
        if not any(name in source for name in (*_BY_TEXT, *_RUN_TEXT, "modules")):
            continue
        parts = file.relative_to(root).with_suffix("").parts
        inside = ".".join(parts[:-1])  # what relative names and `__name__` of an `__init__.py` begin with
        module = inside if parts[-1] == "__init__" else ".".join(parts)
        tree = ast.parse(source)
        names = _names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _last(node.func) in names:
                given = [*node.args, *(one.value for one in node.keywords)]
                yield module, node.lineno, _target(given[0], module) if given else ""
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in _RUN_TEXT:
                yield module, node.lineno, ""
            elif isinstance(node, ast.Subscript) and _last(node.value) == "modules":
                yield module, node.lineno, _target(node.slice, module)


def _names(tree: ast.AST) -> set[str]:
    """Return the names that a module has for what imports by a text."""
    found = set(_BY_TEXT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname for each in node.names if each.asname and each.name in _BY_TEXT}
        elif isinstance(node, ast.Assign) and _last(node.value) in found:
            found |= {_last(each) for each in node.targets}
    return found - {""}


def _target(node: ast.expr, module: str) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value).replace(":", ".")
    if isinstance(node, ast.Name) and node.id == "__name__":
        return module
    if isinstance(node, ast.JoinedStr) and node.values:
        first = node.values[0]
        read = first.value if isinstance(first, ast.FormattedValue) else first
        return _target(read, module)
    return ""


def _last(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def hidden(root: Path, package: str, allowed: set[str]) -> Iterator[str]:
    """Yield a sentence for each import by a text of what is not in the importing module's own package."""
    for module, line, target in imports_by_text(root, package):
        path = root.joinpath(*module.split("."))
        own = module if path.is_dir() else module.rpartition(".")[0]
        if module not in allowed and not f"{target}.".startswith(f"{own}."):
            yield (
                f"{module} -> {target or 'nobody can say what'} (line {line}) is imported by a text, which no law sees:"
                " import it by a statement, or name the module in by_text of the law `seen` in pyproject.toml"
            )
