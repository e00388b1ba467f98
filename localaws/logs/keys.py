"""Logs' AssociateKmsKey and DisassociateKmsKey; whether a key lets the group in is asked before (`iam.log_keys`)."""

from __future__ import annotations

from typing import Any, Final

from moto.logs.responses import LogsResponse

from localaws.moto_patches import add


def install() -> None:
    """Have moto answer the two calls, which it lacks."""
    for operation in OPERATIONS:
        add(LogsResponse, operation.__name__, operation)


def associate_kms_key(self: Any) -> str:
    """Answer AssociateKmsKey."""
    _group(self).kms_key_id = self._get_param("kmsKeyId")
    return ""


def disassociate_kms_key(self: Any) -> str:
    """Answer DisassociateKmsKey."""
    _group(self).kms_key_id = None
    return ""


def _group(self: Any) -> Any:
    named = self._get_param("resourceIdentifier") or self._get_param("logGroupName")
    return self.logs_backend._find_log_group(log_group_name=str(named))


OPERATIONS: Final = (associate_kms_key, disassociate_kms_key)
