"""Who may ask, how often and how much: refused before the service sees it."""

import asyncio
from typing import Any, Dict, List, Tuple

import pytest
from toy_service import World

from recbole_poem.serving.web.guard import Rules
from recbole_poem.serving.web.rate_limit import RateLimit


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer geheim"}, 401),
        ({"authorization": "geheim!"}, 401),
        ({"authorization": b"Bearer \xff\xfe"}, 401),
        ({"authorization": "Bearer geheim!"}, 200),
    ],
)
def test_the_token_is_asked_for(headers: Dict[str, Any], status: int) -> None:
    world = World(Rules(token="geheim!"))
    response = world.post("/recommend", json={}, headers=headers)
    assert response.status_code == status
    if status == 401:
        assert response.json() == {"detail": "the bearer token is missing or wrong"}
        assert response.headers["www-authenticate"] == "Bearer"
        assert world.recommender.batches == []
    assert world.get("/health").status_code == 200
    assert world.get("/openapi.json").status_code == 401


def test_each_address_has_its_rate() -> None:
    world = World(Rules(rate_limit=RateLimit(rate=0.1, burst=2)))
    responses = [world.post("/recommend", json={}) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[2].headers["retry-after"] == "10"


def test_a_large_body_is_refused() -> None:
    world = World(Rules(max_bytes=100))
    assert world.post("/recommend", json={"history": ["a"] * 10}).status_code == 200
    response = world.post("/recommend", json={"history": ["a"] * 100})
    assert response.status_code == 413
    assert response.json() == {"detail": "the body is larger than 100 bytes"}


class Connection:
    """One request, sent piece by piece to an ASGI application."""

    def __init__(self, *pieces: Tuple[bytes, bool], seconds: float = 0.0) -> None:
        self.pieces, self.seconds = list(pieces), seconds
        self.sent: List[Any] = []

    async def receive(self) -> Dict[str, Any]:
        await asyncio.sleep(self.seconds)
        if not self.pieces:
            return {"type": "http.disconnect"}
        body, more = self.pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def status(self, world: World, **headers: str) -> int:
        listed = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "method": "POST", "path": "/recommend", "headers": listed,
            "client": ("127.0.0.1", 1), "query_string": b"", "root_path": "", "http_version": "1.1",
            "scheme": "http", "server": ("test", 80),
        }  # fmt: skip
        asyncio.run(world.app(scope, self.receive, self.send))
        return int(self.sent[0]["status"])


def test_a_body_is_bounded_however_it_is_declared() -> None:
    world = World(Rules(max_bytes=100, body_seconds=0.2))
    json = {"content-type": "application/json"}
    assert Connection((b"{", True), (b"}", False)).status(world, **json) == 200
    assert Connection((b" " * 60, True), (b" " * 60, True)).status(world, **json) == 413
    assert Connection(*[(b" ", True)] * 9, seconds=0.05).status(world, **json) == 408
    lying = Connection((b"{}", False))
    assert lying.status(world, **json, **{"content-length": "10"}) == 200
    assert lying.pieces == []
    told = Connection((b"{}", False))
    assert told.status(world, **json, **{"content-length": "101"}) == 413
    assert len(told.pieces) == 1  # not even read
    assert Connection().status(world, **json) == 400
    metrics = world.metrics.text().decode()
    assert 'responses_total{path="/recommend",status="413"} 2.0' in metrics
    assert 'responses_total{path="/recommend",status="408"} 1.0' in metrics
