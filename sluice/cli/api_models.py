"""Reads what botocore knows of AWS's APIs in a quarter of the time: its own loader is half of what a client takes."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import JSONFileLoader, Loader, create_loader


class _Files(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
    """Decodes by msgspec, into dicts; botocore does so pair by pair, into ordered ones."""

    def _load_file(self, full_path: str, open_method: Any) -> Any:
        if not os.path.isfile(full_path):
            return None
        with open_method(full_path, "rb") as stream:
            return msgspec.json.decode(stream.read())


class _Models(Loader):  # type: ignore[misc]  # botocore has no types
    """Looks into the folder of the service that is asked for, where botocore looks into those of all 400."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services of which anything is known, in order."""
        folders = [path for path in self.search_paths if os.path.isdir(path)]
        return sorted({name for path in folders for name in os.listdir(path)})

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:
        """Return the versions of a service's API; ``UnknownServiceError`` where it has none of this type."""
        try:
            found: list[str] = super().list_api_versions(service_name, type_name)
        except DataNotFoundError as error:
            known = ", ".join(self.list_available_services(type_name))
            raise UnknownServiceError(service_name=service_name, known_service_names=known) from error
        return found


def models(search_path: str | None) -> Loader:
    """Return the loader of a session with this data path, as ``botocore.loaders.create_loader`` does."""
    paths = create_loader(search_path).search_paths
    return _Models(extra_search_paths=list(paths), file_loader=_Files(), include_default_search_paths=False)
