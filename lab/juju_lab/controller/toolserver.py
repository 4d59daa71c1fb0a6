"""Where the hook tools of the guests connect to."""

import hmac
import os
import socketserver
import threading
from collections.abc import Callable, Sequence

from juju_lab.controller import hooktools, wire
from juju_lab.controller import secrettools as _  # noqa: F401 (its tools are known with that)
from juju_lab.controller.context import Context
from juju_lab.controller.hooktools import GuestFiles, Result
from juju_lab.errors import JujuError

_REQUEST_SECONDS = 30
_EXEC_NAMES = ("juju-exec", "juju-run")

GuestExec = Callable[[str, Sequence[str], bool], Result]
"""Carries out juju-exec called on a host: the host's secret, arguments, whether within a hook."""


class Contexts:
    """The contexts of what runs now, by the id that is also the permission to use them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: dict[str, Context] = {}

    def add(self, context: Context) -> None:
        """Let the hook tools find `context`."""
        with self._lock:
            self._contexts[context.id] = context

    def remove(self, context: Context) -> None:
        """Refuse what hook tools still ask of `context`."""
        with self._lock:
            self._contexts.pop(context.id, None)

    def find(self, context_id: str) -> Context | None:
        """The context of this id while its hook runs."""
        with self._lock:
            for known, context in self._contexts.items():
                if hmac.compare_digest(known.encode(), context_id.encode()):
                    return context
        return None


class ToolServer(socketserver.ThreadingTCPServer):
    """Serves hook tools at `address` until `shutdown`; port 0 takes a free one."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], contexts: Contexts, guest_exec: GuestExec
    ) -> None:
        super().__init__(address, _Handler)
        self.contexts = contexts
        self.guest_exec = guest_exec


class _Handler(socketserver.StreamRequestHandler):
    server: ToolServer
    timeout = _REQUEST_SECONDS

    def handle(self) -> None:
        try:
            words = [word.decode("utf-8", "replace") for word in wire.read_strings(self.rfile)]
            if len(words) < 4:
                return
            # From here on the guest's side may take its time, e.g. with its standard input.
            self.connection.settimeout(None)
            self._answer(self._run(*words[:4], words[4:]))
        except (OSError, wire.WireError):
            return

    def _run(
        self, context_id: str, secret: str, tool: str, directory: str, arguments: list[str]
    ) -> Result:
        if tool in _EXEC_NAMES:
            try:
                return self.server.guest_exec(secret, arguments, bool(context_id))
            except JujuError as error:
                return Result(error.code, stderr=f"ERROR {error.text}\n")
        known = hooktools.TOOLS.get(tool)
        if known is None:
            return Result(1, stderr=f'ERROR bad request: unknown command "{tool}"\n')
        if "--help" in arguments or "-h" in arguments:
            return Result(stdout=known.help())
        if not context_id:
            return Result(1, stderr="ERROR JUJU_CONTEXT_ID not set\n")
        context = self.server.contexts.find(context_id)
        if context is None:
            return Result(1, stderr="ERROR bad request: unknown context id\n")
        with context.lock:
            return hooktools.run(tool, arguments, context, _Files(self, directory))

    def _answer(self, result: Result) -> None:
        frames = b""
        if result.stdout:
            frames += wire.pack_frame(b"O", result.stdout.encode("utf-8", "surrogateescape"))
        if result.stderr:
            frames += wire.pack_frame(b"E", result.stderr.encode("utf-8", "surrogateescape"))
        self.wfile.write(frames + wire.pack_frame(b"X", bytes([result.code])))


class _Files(GuestFiles):
    """Files on the host that a tool was called on; the tool itself fetches and writes them."""

    def __init__(self, handler: _Handler, directory: str) -> None:
        self._handler = handler
        self._directory = directory

    def read(self, path: str) -> bytes:
        absolute = path if path == "-" else os.path.join(self._directory, path)
        return self._ask(b"R", absolute.encode())

    def write(self, path: str, content: bytes) -> None:
        absolute = os.path.join(self._directory, path)
        self._ask(b"W", wire.pack_string(absolute) + content)

    def _ask(self, kind: bytes, payload: bytes) -> bytes:
        self._handler.wfile.write(wire.pack_frame(kind, payload))
        failure, content = wire.read_frame(self._handler.rfile)
        if failure != b"\0":
            raise OSError(failure[0], os.strerror(failure[0]))
        return content
