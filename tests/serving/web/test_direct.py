"""The direct way to the endpoints: it answers as FastAPI would, which gets what it cannot read."""

import asyncio
import json
from typing import Any, Dict, Tuple

import httpx
import pytest
from toy_service import World

BODIES = [
    {"user": "u", "history": ["a", "b"], "k": 1},
    {"k": 0},
    {"history": ["a", 1]},
    {"ranking": {"items": ["a"], "objectives": ["other"], "scores": [[1]]}},
    {"unknown": 1},
    {},
]


@pytest.fixture
def world() -> World:
    return World()


def answer(app: Any, path: str, content: bytes, kind: str) -> Tuple[int, Dict[str, Any]]:
    """Return status and body of the response of an ASGI application."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, content=content, headers={"content-type": kind})

    response = asyncio.run(ask())
    return response.status_code, response.json()


@pytest.mark.parametrize("body", BODIES)
def test_the_answer_is_that_of_fastapi(world: World, body: Dict[str, Any]) -> None:
    direct = world.app._app
    content = json.dumps(body).encode()
    ours, theirs = (
        answer(app, "/recommend", content, "application/json") for app in (direct, direct._app)
    )
    for _, said in (ours, theirs):
        for mistake in said.get("detail", []):
            mistake.pop("msg")  # JSON has arrays, Python lists
    assert ours == theirs


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("application/merge-patch+json", 200),  # FastAPI reads it
        ("text/plain", 422),
    ],
)
def test_only_json_is_read(world: World, kind: str, status: int) -> None:
    assert answer(world.app, "/recommend", b'{"history": ["a"]}', kind)[0] == status


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
def test_what_cannot_be_read_is_refused_either_way(world: World, kind: str) -> None:
    body = b'{"ranking": {"items": ["a"], "objectives": ["other"], "scores": [[1]]}}'
    status, said = answer(world.app, "/recommend", body, kind)
    assert status == 422
    assert "'click' is missing" in said["detail"][0]["msg"]


def test_a_defect_is_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(queries: Any) -> Any:
        raise ZeroDivisionError("nobody expected this")

    monkeypatch.setattr(world.recommender, "answer", fail)
    with pytest.raises(ZeroDivisionError):
        world.post("/recommend", json={"history": ["a"]})


def test_fields_behind_the_path_are_refused_and_marks_of_others_are_not(world: World) -> None:
    body = b'{"history": ["a"]}'
    assert answer(world.app, "/recommend?trace=1", body, "application/json")[0] == 200
    status, said = answer(world.app, "/recommend?k=2", b'{"history": ["a"]}', "application/json")
    assert status == 422
    assert said["detail"][0]["msg"].startswith("k: put it into the body")
