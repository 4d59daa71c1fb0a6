"""The gateways' REST API on the stage: what the charm asks of rbd-target-api, from the world."""

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GATEWAYS = {"127.0.0.1": "host-1.lab", "10.85.0.11": "host-1.lab", "10.85.0.12": "host-2.lab"}
PORT, ISCSI = 5000, 3260


class Api(BaseHTTPRequestHandler):
    """One request: the path decides, as in ceph-iscsi."""

    def do_GET(self) -> None:
        """Answer, or hang up as a daemon that is down would."""
        world = json.loads((Path(sys.argv[1]) / "world.json").read_text())
        own = GATEWAYS[self.connection.getsockname()[0]] == "host-1.lab"
        if own and not world["services"].get("rbd-target-api", {}).get("active"):
            self.close_connection = True
            return
        path = self.path.partition("?")[0].removeprefix("/api/")
        answers = {
            "config": world["gateway"],
            "_ping": {},
            "sysinfo/hostname": {"data": GATEWAYS[self.connection.getsockname()[0]]},
            "sysinfo/checkconf": {"data": "the-same-everywhere"},
        }
        self._answer(
            200 if path in answers else 404, answers.get(path, {"message": "no such path"})
        )

    def do_PUT(self) -> None:
        """What is stored is in force on this stage, so there is nothing to bring in line."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(200, {"message": "ok"})

    do_DELETE = do_PUT

    def _answer(self, code: int, document: dict) -> None:
        content = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    portals = socket.create_server(("", ISCSI))  # whoever connects to a portal finds it listening
    ThreadingHTTPServer(("", PORT), Api).serve_forever()
