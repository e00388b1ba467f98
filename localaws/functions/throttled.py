"""What a function answers that runs as often as it may."""

from __future__ import annotations

from moto.awslambda.exceptions import LambdaClientError


class TooManyRequests(LambdaClientError):
    """The function's reserved concurrency is in use."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")
