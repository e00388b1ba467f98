"""A law of imports for import-linter: some modules may need nothing but what is named, at whatever remove."""

from __future__ import annotations

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """What ``source_modules`` import, and what that imports, is ours, Python's own, or among ``allowed_modules``."""

    type_name = "only"
    source_modules = fields.ListField(subfield=fields.ModuleField())
    allowed_modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find what is needed and not allowed, with one chain of imports to each."""
        del verbose
        allowed = {*sys.stdlib_module_names, *self.allowed_modules, *self.session_options["root_packages"]}
        found: dict[str, list[str]] = {}
        for source in self.source_modules:
            needed = graph.find_upstream_modules(source.name, as_package=True)
            for name in sorted(name for name in needed if name.partition(".")[0] not in allowed):
                chain = graph.find_shortest_chain(source.name, name, as_packages=True)
                found.setdefault(name, [" -> ".join(chain or (source.name, "…", name))])
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each module that is not allowed, and how it is reached."""
        for name, chains in check.metadata["found"].items():
            output.print_error(f"{name} is not allowed: {chains[0]}")
