"""The errors of deploying a cloud assembly.

DeployError                     any error below; its text says what is wrong, what is safe and what to run next
├── AssemblyError               the cloud assembly on disk cannot be read or holds something unknown
├── TemplateError               a template cannot be understood
│   ├── UnknownIntrinsic        a function, parameter type or section that localaws does not evaluate
│   ├── UnresolvedReference     a name that points to nothing
│   └── DependencyCycle         resources that depend on each other
├── BrokenProvider              a module of resource types cannot be imported, or brings none
├── Unsupported                 nothing was created: the template asks for more than localaws does
│   ├── UnknownResourceType     no provider for this type
│   └── UnknownProperty         a provider that does not know this property or value
├── ResourceFailed              one resource could not be created, updated or deleted
└── StackFailed                 a stack operation failed and was rolled back
"""

from __future__ import annotations


class DeployError(Exception):
    """A deployment cannot go on; the message names the stack, the resource and the next command."""


class AssemblyError(DeployError):
    """The cloud assembly cannot be read: a missing file, an unknown artifact type or packaging."""


class TemplateError(DeployError):
    """A template cannot be understood; nothing was created from it."""


class UnknownIntrinsic(TemplateError):
    """A template uses a function, section or parameter type that localaws does not evaluate."""


class UnresolvedReference(TemplateError):
    """A reference, attribute, output or export that does not exist."""


class DependencyCycle(TemplateError):
    """Resources that depend on each other in a circle."""


class BrokenProvider(DeployError):
    """A module of resource types cannot be imported, or brings none."""


class Unsupported(DeployError):
    """The template asks for something localaws does not do; nothing was created."""


class UnknownResourceType(Unsupported):
    """No provider exists for a resource type."""


class UnknownProperty(Unsupported):
    """A resource has a property, or a value of one, that its provider neither honours nor accepts."""


class ResourceFailed(DeployError):
    """One resource could not be created, updated or deleted."""

    def __init__(self, reason: str, *, physical_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        #: The resource that exists although the operation failed, if it is known.
        self.physical_id = physical_id


class StackFailed(DeployError):
    """A stack operation failed; ``status`` is the state that the rollback left the stack in."""

    def __init__(self, message: str, *, stack: str, status: str, logical_id: str, reason: str) -> None:
        super().__init__(message)
        self.stack = stack
        self.status = status
        self.logical_id = logical_id
        self.reason = reason
