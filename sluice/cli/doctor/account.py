"""Asks an account, so that a call that is refused says which permission it needs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from sluice.cli.deployment import session
from sluice.cli.doctor.checks import CannotTell

#: Codes with which AWS refuses what a caller may not do.
_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "NotAuthorized"})
#: Permissions that are not called as the operation: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_PERMISSIONS: Final = {"s3:HeadBucket": "s3:ListBucket", "s3:ListBuckets": "s3:ListAllMyBuckets"}
_MEND_ENDPOINT: Final = "`unset AWS_ENDPOINT_URL` for an account; `sluice up` prints the export lines of a local AWS."
#: What services say where a thing is not there; Athena and CloudFormation say it in words alone.
_MISSING: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "EntityNotFoundException",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchResourceException",
        "NotFoundException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
_MISSING_WORDS: Final = ("does not exist", "is not found")


@dataclass
class Account:
    """The account of the environment's credentials, in one region; ``ask`` may be called by several threads."""

    region: str
    _clients: dict[str, Any] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """Return the client for ``service``, which does not wait long for an answer."""
        with self._making:
            if service not in self._clients:
                config = Config(retries={"mode": "standard"}, connect_timeout=5, read_timeout=30)
                self._clients[service] = session().create_client(service, region_name=self.region, config=config)
            return self._clients[service]

    def ask(self, service: str, operation: str, **given: Any) -> dict[str, Any]:
        """Return the answer, of all pages where there are several; ``CannotTell`` where there is none."""
        found = self.look(service, operation, **given)
        if found is None:
            raise CannotTell(f"{service} {operation}: it is not there", "look at the account in the console.")
        return found

    def look(self, service: str, operation: str, **given: Any) -> dict[str, Any] | None:
        """Return the answer as ``ask`` does, or None where AWS says that what is asked for is not there."""
        try:
            client = self.client(service)
            name = next(key for key, value in client.meta.method_to_api_mapping.items() if value == operation)
            if client.can_paginate(name):
                whole: dict[str, Any] = client.get_paginator(name).paginate(**given).build_full_result()
                return whole
            answer: dict[str, Any] = getattr(client, name)(**given)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise self._cannot_tell(service, operation, error) from error
        except (ResponseParserError, LookupError) as error:  # KeyError is botocore's for XML that is of no AWS
            raise CannotTell(
                f"what answers {service} {operation} is no AWS: {first_line(error)}", _MEND_ENDPOINT
            ) from error
        except BotoCoreError as error:
            raise CannotTell(f"{service} {operation} has no answer: {error}", "`sluice doctor` again.") from error
        return answer

    def _cannot_tell(self, service: str, operation: str, error: ClientError) -> CannotTell:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code not in _REFUSED:
            return CannotTell(f"{service} {operation} is refused: {error}", "mend what it says, then ask again.")
        prefix = self.client(service).meta.service_model.signing_name
        needed = f"{prefix}:{operation}"
        needed = _PERMISSIONS.get(needed, needed)
        return CannotTell(
            f"the credentials lack the permission {needed}", f"ask for {needed}, or ask somebody who has it."
        )


def first_line(error: Exception) -> str:
    """Return the first line of what an error says: behind it botocore shows the whole answer that it cannot read."""
    return str(error).partition("\n")[0]


def _is_missing(error: ClientError) -> bool:
    told = error.response.get("Error", {})
    return told.get("Code") in _MISSING or any(words in str(told.get("Message", "")) for words in _MISSING_WORDS)
