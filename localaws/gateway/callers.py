"""The access keys that this local AWS knows: their secrets, and the role sessions that they belong to."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends

from localaws.context import ADMIN_ACCESS_KEY, Context


@dataclass(frozen=True)
class Session:
    """A role session with temporary credentials; its ``policy`` (JSON) limits what the role may do."""

    role_arn: str
    session_name: str
    role_id: str = ""
    policy: str = ""

    @property
    def role(self) -> str:
        """Return the role's name, without its path."""
        return self.role_arn.rsplit("/", 1)[-1]

    @property
    def arn(self) -> str:
        """Return the caller's ARN as AWS writes it in errors."""
        return f"arn:aws:sts::{self.role_arn.split(':')[4]}:assumed-role/{self.role}/{self.session_name}"


@dataclass(frozen=True)
class Key:
    """The data of an access key; the administrator's and localaws's own have no session, no token and do not expire."""

    secret: str
    token: str = ""
    expires: datetime.datetime | None = None
    session: Session | None = None


_keys: dict[str, Key] = {}
_lock = threading.Lock()


def forget_all() -> None:
    """Forget every session, because a new local AWS has issued none."""
    with _lock:
        _keys.clear()


def remember(assumed: Any, role_id: str) -> None:
    """Store the credentials of a role session (moto's), and forget those that have expired."""
    session = Session(assumed.role_arn, assumed.session_name, role_id, assumed.policy or "")
    expires = assumed.expiration.replace(tzinfo=datetime.UTC)
    with _lock:
        if len(_keys) % 1000 == 999:
            now = datetime.datetime.now(datetime.UTC)
            for ended in [name for name, key in _keys.items() if key.expires and key.expires < now]:
                del _keys[ended]
        _keys[assumed.access_key_id] = Key(assumed.secret_access_key, assumed.session_token, expires, session)


def key_of(ctx: Context, access_key: str) -> Key | None:
    """Return the data of an access key; None if nobody issued it, or its role was deleted."""
    if access_key == ADMIN_ACCESS_KEY:
        return Key(ctx.secret)
    if access_key == ctx.own_access_key:
        return Key(ctx.token)
    key = _keys.get(access_key)
    if key is None or key.session is None:
        return None
    role = role_of(ctx, key.session.role_arn)
    return key if role is not None and role.id == key.session.role_id else None


def session_of(access_key: str) -> Session | None:
    """Return the role session that STS issued ``access_key`` for, or None."""
    key = _keys.get(access_key)
    return key.session if key else None


def role_of(ctx: Context, role_arn: str) -> Any:
    """Return moto's role of exactly this ARN, or None; permissions and sessions use no other look-up."""
    roles = iam_backends[ctx.account]["aws"].roles
    return next((role for role in list(roles.values()) if role.arn == role_arn), None)
