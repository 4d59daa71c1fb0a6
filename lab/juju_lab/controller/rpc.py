"""How the command talks to the daemon: one JSON document a line, over a Unix socket.

A request is {"method", "params"}. Answers are {"item": ...} for each part of a stream, and at last
{"result": ...} or {"error": {"text", "code"}}.
"""

import json
import logging
import socketserver
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from juju_lab.controller import serving
from juju_lab.errors import JujuError

_LOG = logging.getLogger(__name__)


class RpcServer(socketserver.ThreadingUnixStreamServer):
    """Serves `methods` on a socket that only root can open, until `shutdown`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, methods: Mapping[str, Callable[..., Any]]) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        super().__init__(str(path), _Handler, bind_and_activate=False)
        self.methods = methods

    def open(self) -> None:
        """Begin to take requests."""
        self.server_bind()
        self._path.chmod(0o600)
        self.server_activate()
        serving.serve(self, "rpc")


class _Handler(socketserver.StreamRequestHandler):
    server: RpcServer

    def handle(self) -> None:
        try:
            line = self.rfile.readline()
            if line:
                self._serve(json.loads(line))
        except (BrokenPipeError, ConnectionResetError):
            return

    def _serve(self, request: dict[str, Any]) -> None:
        try:
            answer = self.server.methods[request["method"]](**request["params"])
            if isinstance(answer, Iterator):
                for item in answer:
                    self._send({"item": item})
                answer = None
            self._send({"result": answer})
        except JujuError as error:
            self._send({"error": {"text": error.text, "code": error.code}})
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            # Without the request's parameters: they may hold secrets.
            _LOG.exception("request %s failed", request.get("method"))
            self._send({"error": {"text": f"internal error: {type(error).__name__}", "code": 1}})

    def _send(self, document: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(document).encode() + b"\n")
