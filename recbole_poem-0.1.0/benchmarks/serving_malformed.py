"""Forty kinds of requests that no service should be asked."""

import json
import random
from typing import Any, Callable, Dict, List

from serving_client import request

_GOOD: Dict[str, Any] = {"user": "u1", "history": ["i1", "i2"], "k": 5}
_JSON = "Content-Type: application/json"


def _recommend(**changed: Any) -> bytes:
    return request("/recommend", {**_GOOD, **changed})


def _ranking(**changed: Any) -> bytes:
    good = {"user": "u1", "items": ["i1"], "objectives": ["watched"], "scores": [[1.0]]}
    return request("/rankings", {**good, **changed})


def _text(content: bytes, path: str = "/recommend") -> bytes:
    return request(path, content)


def _raw(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "Host: localhost"]).encode() + b"\r\n\r\n" + body


def _noise(rng: random.Random, n: int) -> bytes:
    return bytes(rng.randrange(256) for _ in range(n))


#: name -> a function of a generator that makes one request of the kind
KINDS: Dict[str, Callable[[random.Random], bytes]] = {
    "empty body": lambda rng: _text(b""),
    "no JSON": lambda rng: _text(b"hello"),
    "noise": lambda rng: _text(_noise(rng, rng.randrange(1, 3000))),
    "cut short": lambda rng: _text(json.dumps(_GOOD).encode()[: rng.randrange(1, 30)]),
    "a list": lambda rng: _text(b"[1, 2]"),
    "a number": lambda rng: _text(b"17"),
    "null": lambda rng: _text(b"null"),
    "deeply nested lists": lambda rng: _text(b"[" * 100_000),
    "deeply nested mappings": lambda rng: _text(b'{"a":' * 50_000),
    "NaN": lambda rng: _text(b'{"k": NaN}'),
    "infinity": lambda rng: _text(b'{"k": -Infinity}'),
    "a number of 5,000 digits": lambda rng: _text(b'{"k": ' + b"9" * 5000 + b"}"),
    "half a surrogate": lambda rng: _text(b'{"user": "\\ud800"}'),
    "no UTF-8": lambda rng: _text(b'{"user": "\xff\xfe"}'),
    "a key twice": lambda rng: _text(b'{"k": 5, "k": "x"}'),
    "unknown key": lambda rng: _recommend(**{f"key{rng.randrange(99)}": 1}),
    "k is 0": lambda rng: _recommend(k=0),
    "k is negative": lambda rng: _recommend(k=-rng.randrange(1, 10**9)),
    "k is large": lambda rng: _recommend(k=10**12),
    "k is a fraction": lambda rng: _recommend(k=2.5),
    "k is a text": lambda rng: _recommend(k="5"),
    "history is a text": lambda rng: _recommend(history="i1 i2"),
    "history of numbers": lambda rng: _recommend(history=[1, 2]),
    "history of lists": lambda rng: _recommend(history=[["i1"]]),
    "history with null": lambda rng: _recommend(history=["i1", None]),
    "history of 20,000 items": lambda rng: _recommend(history=["i1"] * 20_000),
    "a token of 5,000 letters": lambda rng: _recommend(history=["i" * 5000]),
    "an empty token": lambda rng: _recommend(history=[""]),
    "user is a mapping": lambda rng: _recommend(user={"a": 1}),
    "allow is a number": lambda rng: _recommend(allow=3),
    "ranking without scores": lambda rng: _ranking(scores=[]),
    "ranking with ragged scores": lambda rng: _ranking(items=["a", "b"], scores=[[1], [1, 2]]),
    "ranking with texts as scores": lambda rng: _ranking(scores=[["1"]]),
    "ranking with an item twice": lambda rng: _ranking(items=["a", "a"], scores=[[1], [2]]),
    "ranking with other objectives": lambda rng: _ranking(objectives=["weather"]),
    "ranking with huge scores": lambda rng: _ranking(scores=[[1e300]]),
    "feedback without a user": lambda rng: request("/feedback", {"items": ["i1"]}),
    "another path": lambda rng: request(f"/{rng.randrange(10**6)}/../recommend", _GOOD),
    "another method": lambda rng: _raw("DELETE /recommend HTTP/1.1", "Content-Length: 0"),
    "another type of content": lambda rng: _raw(
        "POST /recommend HTTP/1.1", "Content-Type: text/plain", "Content-Length: 2", body=b"{}"
    ),
}


def malformed(n: int) -> List[bytes]:
    """Return n requests, of all kinds in turn."""
    rng = random.Random(0)
    makers = list(KINDS.values())
    return [makers[number % len(makers)](rng) for number in range(n)]
