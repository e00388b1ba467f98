"""The list of what localaws deploys, generated from the providers themselves."""

from __future__ import annotations

from collections.abc import Iterator

from localaws.cloudformation.providers import PROVIDERS


def coverage() -> str:
    """Return, as Markdown, every resource type with its honoured properties and those accepted without effect."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Resource types that localaws deploys"
    yield ""
    yield "Any other type, and any property not listed here, is refused by name before anything is created."
    for name in sorted(PROVIDERS):
        provider = PROVIDERS[name]
        yield ""
        yield f"## {name}" + (" and Custom::*" if name == "AWS::CloudFormation::CustomResource" else "")
        yield ""
        paths = [f"`{path}`" if path != "*" else "any property" for path in provider.honoured_paths]
        yield "Honoured: " + (", ".join(paths) or "nothing") + "."
        if provider.attributes:
            yield ""
            yield "`Fn::GetAtt`: " + ", ".join(f"`{name}`" for name in sorted(provider.attributes)) + "."
        if provider.identifier:
            yield ""
            yield f"Taken up by import operations, identified by `{provider.identifier}`."
        if provider.absent:
            yield ""
            yield "Refused, with the reason:"
            yield ""
            for path, reason in sorted(provider.absent.items()):
                yield f"- `{path}`: {reason}"
        if provider.accepted:
            yield ""
            yield "Accepted without effect:"
            yield ""
            for path, reason in sorted(provider.accepted.items()):
                yield f"- `{path}`: {reason}"
