"""Makes the cost of listing object versions depend on what is listed; moto copies every version in the bucket."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import moto.backends
from moto.s3.models import S3Backend

from localaws.context import Context
from localaws.moto_patches import original, replace


def install(ctx: Context) -> None:
    """Filter by prefix before moto does, and give moto views instead of copies of the versions."""
    replace(S3Backend, "list_object_versions", _list_object_versions)
    replace(moto.backends, "list_of_moto_modules", _services)


def _list_object_versions(backend: S3Backend, bucket_name: str, **given: Any) -> Any:
    keys = backend.get_bucket(bucket_name).keys
    bucket = SimpleNamespace(keys=_Matching(keys, given.get("prefix") or ""))
    view = SimpleNamespace(get_bucket=lambda name: bucket)
    return original(S3Backend, "list_object_versions")(view, bucket_name, **given)


class _Matching:
    """The keys under a prefix, each with views of its versions."""

    def __init__(self, keys: Any, prefix: str) -> None:
        self._keys, self._prefix = keys, prefix

    def iterlists(self) -> Iterator[tuple[str, list[Any]]]:
        for name in list(self._keys):
            if name.startswith(self._prefix):
                yield name, [_View(version) for version in self._keys.getlist(name)]


class _View:
    """One version as moto's listing sees it; attributes that the listing sets stay on the view."""

    def __init__(self, version: Any) -> None:
        self.__dict__["_version"] = version

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # what isinstance asks
        return type(self._version)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_version"], name)

    def __deepcopy__(self, memo: dict[int, Any]) -> _View:
        return _View(self.__dict__["_version"])


@functools.cache
def _services() -> tuple[str, ...]:
    return tuple(original(moto.backends, "list_of_moto_modules")())
