"""CloudFormation as a custom resource's function sees it: it asks, and takes the answer at a URL."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class CloudFormation:
    """Where the function sends its answer."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        answers = self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def event(self, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "RequestType": kind, "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/", "StackId": "s",
            "RequestId": "r", "LogicalResourceId": "Tables", "ResourceProperties": properties,
        }  # fmt: skip
