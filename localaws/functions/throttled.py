"""The error of invocations beyond a function's reserved concurrency."""

from __future__ import annotations

from moto.awslambda.exceptions import LambdaClientError


class TooManyRequests(LambdaClientError):
    """All of the function's reserved concurrency is in use."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")
