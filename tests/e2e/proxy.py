"""A TCP proxy before Odoo that can cut the websocket and nothing else."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.odoo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CuttingProxy", "open_proxy"]

_CHUNK = 65536


class CuttingProxy:
    """Passes everything to `127.0.0.1:target`; while `is_cut`, websockets are closed and refused."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.is_cut = False
        self._websockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def has_websocket(self) -> bool:
        """Tell whether a websocket passed since the last cut."""
        return bool(self._websockets)

    def cut(self) -> None:
        """Close every websocket, and refuse new ones until `mend`."""
        self.is_cut = True
        for connection in self._websockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._websockets.clear()

    def mend(self) -> None:
        """Let websockets pass again."""
        self.is_cut = False

    def close(self) -> None:
        """Stop listening, and end what is open."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                first = connection.recv(_CHUNK)
                if b"upgrade: websocket" in first.lower():
                    if self.is_cut:
                        return
                    self._websockets.append(connection)
                with socket.create_connection(("127.0.0.1", self.target)) as upstream:
                    upstream.sendall(first)
                    back = threading.Thread(target=_pump, args=[upstream, connection], daemon=True)
                    back.start()
                    _pump(connection, upstream)
                    back.join()
            except OSError:
                return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def open_proxy(target: int) -> Iterator[CuttingProxy]:
    """Run a proxy until we leave."""
    proxy = CuttingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
