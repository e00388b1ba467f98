"""Results of an earlier query that answer the same query again, where its caller asks for that.

https://docs.aws.amazon.com/athena/latest/ug/reusing-query-results.html
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from moto.s3.models import s3_backends

from localaws.athena.errors import InvalidRequest

if TYPE_CHECKING:
    from localaws.athena.executions import Execution

_DEFAULT_MINUTES: Final = 60
_MOST_MINUTES: Final = 7 * 24 * 60


def longest_age(configuration: Mapping[str, Any]) -> int | None:
    """Return how many minutes old a result may be; None where none is to be reused. InvalidRequest for over a week."""
    by_age = configuration.get("ResultReuseByAgeConfiguration") or {}
    if not by_age.get("Enabled"):
        return None
    minutes = int(by_age.get("MaxAgeInMinutes", _DEFAULT_MINUTES))
    if not 0 <= minutes <= _MOST_MINUTES:
        raise InvalidRequest(f"MaxAgeInMinutes must be from 0 to {_MOST_MINUTES}, and is {minutes}")
    return minutes


def earlier(asked: Execution, known: Iterable[Execution]) -> Execution | None:
    """Return the newest execution whose results are those of ``asked``: of its caller's role, and still in S3.

    None where ``asked`` wants none, or is no query: EXECUTE is one where the statement that it names is.
    """
    if asked.reuse is None or asked.resolved is None:
        return None
    since = time.time() - asked.reuse * 60
    return next((one for one in reversed(list(known)) if _same(asked, one) and (one.completed or 0) >= since), None)


def _same(asked: Execution, one: Execution) -> bool:
    if one.status != "SUCCEEDED" or one.results is None or one.resolved is None or one.reused:
        return False
    bucket, _, key = one.location.partition("://")[2].partition("/")
    held = s3_backends[one.account]["aws"].buckets.get(bucket)
    return _identity(asked) == _identity(one) and held is not None and key in held.keys


def _identity(one: Execution) -> tuple[Any, ...]:
    """Return what is the same of executions with the same result, who asked for it among it."""
    return (one.resolved, one.database, one.catalog, one.workgroup.name, one.output, one.encryption, one.role,
            one.account, one.region)  # fmt: skip
