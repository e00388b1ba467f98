"""The provider of one resource type, and how it checks properties before anything is created."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from localaws.cloudformation.errors import UnknownProperty
from localaws.cloudformation.template import PENDING
from localaws.context import Context


@dataclass(frozen=True)
class Request:
    """One resource that a stack creates, updates or deletes; ``properties`` are resolved."""

    stack: str
    stack_id: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    #: How many resources this logical id has had before; a replacement must get another name.
    generation: int = 0
    stack_tags: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.properties[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the property ``name``, or ``default`` where the template leaves it out."""
        return self.properties.get(name, default)

    def name(self, limit: int = 64, *, lower: bool = False, suffix: str = "") -> str:
        """Return the generated physical name ``<stack>-<logicalId>-<hash>``, at most ``limit`` characters long."""
        seed = f"{self.stack}/{self.logical_id}/{self.generation}"
        digest = hashlib.sha256(seed.encode()).hexdigest()[:12]
        room = limit - len(digest) - len(suffix) - 1
        head = f"{self.stack}-{self.logical_id}"
        if len(head) > room:
            stack = self.stack[: max(room // 2, room - len(self.logical_id) - 1)]
            head = f"{stack}-{self.logical_id[: room - len(stack) - 1]}"
        name = f"{head}-{digest}{suffix}"
        return name.lower() if lower else name

    @property
    def tags(self) -> dict[str, str]:
        """Return the resource's tags; they override the stack's."""
        own = self.properties.get("Tags", {})
        if isinstance(own, list):
            own = {tag["Key"]: tag["Value"] for tag in own}
        return {**self.stack_tags, **{k: str(v) for k, v in own.items()}}


@dataclass(frozen=True)
class ResourceOutcome:
    """A created resource: its physical id (the value of ``Ref``) and its attributes (``Fn::GetAtt``)."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


Create = Callable[[Context, Request], ResourceOutcome]
Update = Callable[[Context, Request, Request, ResourceOutcome], ResourceOutcome]
Configure = Callable[[Context, Request, Request | None, ResourceOutcome], None]
Delete = Callable[[Context, Request, ResourceOutcome], None]
Found = Callable[[Context, str], ResourceOutcome | None]


@dataclass(frozen=True)
class Provider:
    """How one resource type is deployed.

    ``honoured`` lists property paths, separated by blanks; lists need no index, and braces are expanded
    (``Rules.{Id,Status}``). A path with nothing declared below it takes any value, and ``*`` any property. ``accepted``
    are paths without effect here, each with the reason. ``create`` creates the resource; ``configure(ctx, new, old,
    outcome)`` then sets what can also be changed later (``old`` is None the first time). ``update(ctx, new, old,
    outcome)`` changes it in place where ``configure`` is not enough. With neither, or when a property in ``immutable``
    changes, the resource is replaced.
    """

    type: str
    honoured: str
    create: Create
    delete: Delete
    update: Update | None = None
    configure: Configure | None = None
    accepted: Mapping[str, str] = field(default_factory=dict)
    #: Properties that cannot be had on one machine, each with the reason, which the refusal says.
    absent: Mapping[str, str] = field(default_factory=dict)
    attributes: frozenset[str] | None = frozenset()
    immutable: frozenset[str] = frozenset()
    name_property: str | None = None
    #: The property that tells which resource an import means, and how that is looked up by its physical id; a type
    #: without them is not imported.
    identifier: str | None = None
    found: Found | None = None
    required: frozenset[str] = frozenset()
    #: Says what is wrong with the values, or None; runs before anything is created, with PENDING for the unknown.
    refuse: Callable[[Mapping[str, Any]], str | None] | None = None
    #: Says what this machine lacks that the resource may need, or None: no error, but told before anything is created.
    lacking: Callable[[Mapping[str, Any]], str | None] | None = None

    @cached_property
    def honoured_paths(self) -> tuple[str, ...]:
        """Return the honoured property paths, one by one, sorted."""
        return tuple(sorted({path for word in _words(self.honoured) for path in _expand(word)}))

    @cached_property
    def _tree(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for path in (*self.honoured_paths, *self.accepted):
            node = tree
            for part in path.split("."):
                node = node.setdefault(part, {})
        return tree

    def check(self, properties: Mapping[str, Any], *, stack: str, logical_id: str) -> None:
        """Raise UnknownProperty for the first property, at any depth, that is neither honoured nor accepted."""
        here = f"{stack}/{logical_id} ({self.type})"
        if reason := self.refused(properties):
            raise UnknownProperty(f"{here}: {reason}. Nothing was created.")

    def refused(self, properties: Mapping[str, Any]) -> str | None:
        """Return why properties cannot be deployed, or None; asked in the plan, and again when all values are known."""
        for path in _unknown(properties, self._tree, ""):
            if path in self.absent:
                return f"{path}: {self.absent[path]}"
            return (
                f"the property {path} is not known to localaws, which neither honours nor ignores it "
                "(`python -m localaws coverage` lists what is known)"
            )
        for name in sorted(self.required - set(properties)):
            return f"the property {name} is required"
        return self.refuse(properties) if self.refuse else None

    def make(self, ctx: Context, request: Request, *, made: Callable[[ResourceOutcome], None]) -> ResourceOutcome:
        """Create and configure the resource; ``made`` is called once it exists, so that a failure can be undone."""
        outcome = self.create(ctx, request)
        made(outcome)
        if self.configure:
            self.configure(ctx, request, None, outcome)
        return outcome

    def change(self, ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
        """Change the resource in place from ``old`` to ``new``."""
        if self.update:
            outcome = self.update(ctx, new, old, outcome)
        if self.configure:
            self.configure(ctx, new, old, outcome)
        return outcome

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Return whether the change from ``old`` to ``new`` needs another resource in place of this one."""
        if self.update is None and self.configure is None:
            return True
        return any(_at(old, path) != _at(new, path) for path in self.immutable)


def _words(text: str) -> Iterator[str]:
    yield from text.split()


def _expand(word: str) -> Iterator[str]:
    match = re.search(r"\{([^{}]*)\}", word)
    if not match:
        yield word
        return
    for choice in match.group(1).split(","):
        yield from _expand(word[: match.start()] + choice + word[match.end() :])


def _unknown(value: Any, tree: Mapping[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, tree, path)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if "*" in tree:
                continue
            if key not in tree:
                yield here
            elif tree[key]:
                yield from _unknown(inner, tree[key], here)


def _at(properties: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(properties, Mapping):
            return None
        properties = properties.get(part)
    return None if properties is PENDING else properties
