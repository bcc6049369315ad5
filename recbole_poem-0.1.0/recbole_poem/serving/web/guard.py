"""What stands before the service: who may ask, how often, how much, and in which time."""

import asyncio
import secrets
import time
from typing import Any, Awaitable, Callable, Dict, MutableMapping, NamedTuple, Optional, Tuple

from recbole_poem.serving.web.metrics import Metrics
from recbole_poem.serving.web.rate_limit import RateLimit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Rules(NamedTuple):
    """What is refused.

    Attributes
    ----------
    token : str or None
        The bearer token that every request but ``GET /health`` has to carry.
    max_bytes : int
        Of a body.
    body_seconds : float
        In which a body has to arrive.
    rate_limit : RateLimit or None
        Of each address.
    """

    token: Optional[str] = None
    max_bytes: int = 2_000_000
    body_seconds: float = 10.0
    rate_limit: Optional[RateLimit] = None


class RefusedError(Exception):
    """A request that does not reach the service.

    Parameters
    ----------
    status : int
        Of HTTP.
    reason : str
    headers : pairs of bytes
    """

    def __init__(self, status: int, reason: str, *headers: Tuple[bytes, bytes]) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers


class Guard:
    """Applies the rules to each request, and counts the responses; an ASGI application.

    Parameters
    ----------
    app : ASGI application
    rules : Rules
    metrics : Metrics
    paths : collection of str
        Those of the service; all others are counted as one.
    """

    def __init__(self, app: App, rules: Rules, metrics: Metrics, paths: "frozenset[str]") -> None:
        self._app, self._rules, self._metrics, self._paths = app, rules, metrics, paths

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), [500]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            self._check_token(scope)
            self._check_rate(scope)
            body = await self._body(scope, receive)
            await self._app(scope, _replay(body, receive), told)
        except RefusedError as refusal:
            await _refuse(refusal, told)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.responded(path, status[0], time.perf_counter() - begin)

    def _check_token(self, scope: Message) -> None:
        token = self._rules.token
        if token is None or scope["path"] == "/health":
            return
        given = _headers(scope).get(b"authorization", b"")
        if not secrets.compare_digest(given, b"Bearer " + token.encode()):
            raise RefusedError(
                401, "the bearer token is missing or wrong", (b"www-authenticate", b"Bearer")
            )

    def _check_rate(self, scope: Message) -> None:
        limit = self._rules.rate_limit
        address = (scope.get("client") or ("",))[0]
        if limit is not None and not limit.admits(address):
            wait = str(max(1, round(1 / limit.rate))).encode()
            raise RefusedError(429, "too many requests", (b"retry-after", wait))

    async def _body(self, scope: Message, receive: Receive) -> bytes:
        """Read the body of a request, as large and as slow as the rules allow."""
        rules = self._rules
        declared = _headers(scope).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > rules.max_bytes:
            raise RefusedError(413, f"the body is larger than {rules.max_bytes} bytes")
        reading, is_late = asyncio.current_task(), False
        assert reading is not None

        def give_up() -> None:
            nonlocal is_late
            is_late = bool(reading.cancel())

        # a task of its own, as `asyncio.wait_for` starts one, would cost more than the reading
        timer = asyncio.get_running_loop().call_later(rules.body_seconds, give_up)
        try:
            return await _read(receive, rules.max_bytes)
        except asyncio.CancelledError as error:
            if not is_late:
                raise
            raise RefusedError(
                408, f"the body did not arrive in {rules.body_seconds:g} s"
            ) from error
        finally:
            timer.cancel()


async def _read(receive: Receive, max_bytes: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the client has gone away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            raise RefusedError(413, f"the body is larger than {max_bytes} bytes")
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read, and then what the server says."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(refusal: RefusedError, send: Send) -> None:
    """Respond with the reason, and end the connection: the rest of a body is not read."""
    body = b'{"detail": "%s"}\n' % refusal.reason.encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *refusal.headers,
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Message) -> Dict[bytes, bytes]:
    return dict(scope["headers"])
