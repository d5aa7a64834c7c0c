"""A way to AWS that breaks: a TCP proxy that can be out of reach, or lose an answer."""

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

SEND = b"AmazonSQS.SendMessage"

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class FlakyProxy:
    """Passes everything on to `url`.

    While `unreachable` is set, connections are reset. With the chance `p_lost`, SQS gets a
    `SendMessage` whose answer never arrives.
    """

    def __init__(self, url: str, seed: int, p_lost: float) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._dice = random.Random(seed)
        self._p_lost = p_lost
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.unreachable = threading.Event()
        self.resets = 0
        self.lost = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def serve(self) -> Iterator["FlakyProxy"]:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.cut()
            thread.join()

    def cut(self) -> None:
        """Reset whatever is open."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.unreachable.is_set():
                self.resets += 1
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                client.close()
            else:
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        loses = threading.Event()
        with client, socket.create_connection(self._target) as server:
            pair = {client, server}
            with self._lock:
                self._open |= pair
            back = threading.Thread(target=self._back, args=(server, client, loses), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(1 << 16):
                    if SEND in data and self._dice.random() < self._p_lost:
                        loses.set()
                    server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()
            with self._lock:
                self._open -= pair

    def _back(self, server: socket.socket, client: socket.socket, loses: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if loses.is_set():
                    self.lost += 1
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
