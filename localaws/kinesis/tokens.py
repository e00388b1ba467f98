"""Tokens for a position in a stream: shard iterators and pages of shards."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from moto.kinesis.exceptions import InvalidArgumentError


def stream_of_token(token: str) -> str | None:
    """Return the name of the stream that a shard iterator or a page token belongs to; None if it is neither."""
    try:
        return str(read_token(token)[0])
    except InvalidArgumentError:
        return None


def make_token(*parts: Any) -> str:
    """Return a token of three parts, the name of the stream first."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def read_token(token: str) -> list[Any]:
    """Return the three parts of a token; raise ``InvalidArgumentError`` if it is invalid."""
    try:
        found = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error) as error:
        raise InvalidArgumentError("Invalid ShardIterator.") from error
    if not isinstance(found, list) or len(found) != 3:
        raise InvalidArgumentError("Invalid ShardIterator.")
    return found
