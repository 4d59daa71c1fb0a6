"""Socket servers that sleep until somebody connects, and that end at once all the same."""

import socket
import socketserver
import threading


def serve(server: socketserver.BaseServer, name: str) -> None:
    """Take connections in a thread of its own, without waking up in between."""
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": None}, name=name, daemon=True
    ).start()


def stop(server: socketserver.BaseServer) -> None:
    """End what `serve` began, and close the server."""
    ending = threading.Thread(target=server.shutdown, daemon=True)
    ending.start()
    while ending.is_alive():
        # The server looks whether it is to end after each connection.
        with socket.socket(server.address_family) as waker:
            waker.connect(server.server_address)
        ending.join(timeout=0.05)
    server.server_close()
