"""Makes the cost of a page of object versions depend on it; moto copies and sorts every version in the bucket."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import moto.backends
from moto.s3.models import S3Backend

from localaws.context import Context
from localaws.moto_patches import original, replace


def install(ctx: Context) -> None:
    """Give moto the keys of one page alone, and views instead of copies of their versions."""
    replace(S3Backend, "list_object_versions", _list_object_versions)
    replace(moto.backends, "list_of_moto_modules", _services)


def _list_object_versions(backend: S3Backend, bucket_name: str, **given: Any) -> Any:
    keys = backend.get_bucket(bucket_name).keys
    most = sys.maxsize if given.get("delimiter") else int(given.get("max_keys") or 1000)  # many keys may be one prefix
    bucket = SimpleNamespace(keys=_Page(keys, given.get("prefix") or "", given.get("key_marker") or "", most))
    view = SimpleNamespace(get_bucket=lambda name: bucket)
    return original(S3Backend, "list_object_versions")(view, bucket_name, **given)


class _Page:
    """The keys under a prefix from a marker on, so many that a page of ``most`` versions is full and has a next one."""

    def __init__(self, keys: Any, prefix: str, marker: str, most: int) -> None:
        self._keys, self._prefix, self._marker, self._most = keys, prefix, marker, most

    def iterlists(self) -> Iterator[tuple[str, list[Any]]]:
        left = self._most
        for name in sorted(key for key in list(self._keys) if key >= self._marker and key.startswith(self._prefix)):
            yield name, [View(version) for version in self._keys.getlist(name)]
            if left < 0:
                return
            # Versions of the marker's own key may stand on the page before.
            left -= 0 if name == self._marker else len(self._keys.getlist(name))


class View:
    """One version as moto's listing sees it; attributes that the listing sets stay on the view."""

    def __init__(self, version: Any) -> None:
        self.__dict__["_version"] = version

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # what isinstance asks
        return type(self._version)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_version"], name)

    @property
    def last_modified_ISO8601(self) -> datetime:  # noqa: N802  moto's name, of a text that it would parse again
        """Return the moment, in seconds."""
        moment: datetime = self.last_modified
        return moment.replace(microsecond=0, tzinfo=UTC)

    def __deepcopy__(self, memo: dict[int, Any]) -> View:
        return View(self.__dict__["_version"])


@functools.cache
def _services() -> tuple[str, ...]:
    return tuple(original(moto.backends, "list_of_moto_modules")())
