"""A client of the service for benchmarks: many connections, one process, little work a request."""

import asyncio
import json
import socket
import time
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple


class Response(NamedTuple):
    """What came back.

    Attributes
    ----------
    status : int
        Of HTTP; 0 if the connection broke.
    body : bytes
    seconds : float
        From the moment at which the request was due, so that one that waits for a free connection
        counts its waiting.
    """

    status: int
    body: bytes
    seconds: float


def request(path: str, body: Any, *headers: str) -> bytes:
    """Return the bytes of a POST request with a JSON body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
        f"Content-Length: {len(content)}", *headers,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Connection:
    """One connection, opened when it is needed and opened again when it breaks."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: Any = None

    async def send(self, content: bytes) -> Tuple[int, bytes]:
        """Send a request, return the status and the body; 0 if the connection breaks."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            length = _header(head, b"content-length")
            body = await reader.readexactly(int(length or 0))
            if _header(head, b"connection") == b"close":
                self.close()
            return status, body
        except (OSError, EOFError, asyncio.LimitOverrunError):
            self.close()
            return 0, b""

    def close(self) -> None:
        """Close it; the next request opens another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            return line.split(b":", 1)[1].strip().lower()
    return b""


def load(
    port: int,
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    n_connections: int = 64,
    told: Callable[[int, Response], None] = lambda number, response: None,
) -> List[Response]:
    """Send requests at a steady rate, whether or not the former ones have been answered.

    Parameters
    ----------
    port : int
    requests : sequence of bytes
        Sent in turn, over and over.
    rate, seconds : float
        Requests a second, for so long.
    n_connections : int
    told : function, optional
        Called with the number of the request and each response.
    """

    async def run() -> List[Response]:
        queue: asyncio.Queue[Tuple[int, float]] = asyncio.Queue()
        responses: List[Response] = []

        async def work() -> None:
            connection = Connection(port)
            while True:
                number, due = await queue.get()
                status, body = await connection.send(requests[number % len(requests)])
                response = Response(status, body, time.perf_counter() - due)
                responses.append(response)
                told(number, response)
                queue.task_done()

        workers = [asyncio.ensure_future(work()) for _ in range(n_connections)]
        begin = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            queue.put_nowait((number, due))
        await queue.join()
        for worker in workers:
            worker.cancel()
        return responses

    return asyncio.run(run())


def free_port() -> int:
    """Return a port of the loopback that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def statuses(responses: Sequence[Response]) -> Dict[str, int]:
    """Count the responses by status; 0 = the connection broke."""
    found: Dict[str, int] = {}
    for response in responses:
        found[str(response.status)] = found.get(str(response.status), 0) + 1
    return dict(sorted(found.items()))
