"""The way to DynamoDB fails as it should, and in no other way."""

import socket

from tests.faults.failing.table_weather import TableWeather


def test_half_a_request_is_not_passed_on() -> None:
    """Whoever is behind would wait for the other half, and everybody for them."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        weather = TableWeather(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with weather.serve():
            port = int(weather.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=10.0) as killed:
                killed.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
                killed.shutdown(socket.SHUT_WR)
                assert killed.recv(1) == b"", "closed without an answer"
