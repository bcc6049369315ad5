"""Tokens as a list in JSON, written and read part by part: millions are never strings at once."""

import json
from typing import Iterator

import numpy as np

_TOKENS_AT_ONCE = 1_000_000
_BYTES_AT_ONCE = 1 << 24
_BETWEEN = b'", "'  # the end of a token and the beginning of the next one


def write(tokens: np.ndarray) -> bytearray:
    """Return tokens (n,) str as the text that ``json.dumps`` makes of their list."""
    text = bytearray(b"[")
    for begin in range(0, len(tokens), _TOKENS_AT_ONCE):
        part = json.dumps(tokens[begin : begin + _TOKENS_AT_ONCE].tolist())
        text += (", " if begin else "").encode() + part[1:-1].encode()
    return text + b"]"


def read(text: bytes) -> np.ndarray:
    """Return the tokens (n,) str of a text that `write` has made.

    Raises
    ------
    ValueError
        If it is none.
    """
    if text[:1] != b"[" or text[-1:] != b"]":
        raise ValueError("no list of tokens")
    parts = [np.array(json.loads(b"[" + part + b"]"), dtype=str) for part in _parts(text)]
    return np.concatenate(parts)


def _parts(text: bytes) -> Iterator[bytes]:
    """Cut the inside of a list between two tokens, every so many bytes."""
    begin, end = 1, len(text) - 1
    while True:
        cut = text.find(_BETWEEN, begin + _BYTES_AT_ONCE, end)
        while cut >= 0 and not _is_whole(text[begin : cut + 1]):
            cut = text.find(_BETWEEN, cut + 1, end)
        if cut < 0:
            yield text[begin:end]
            return
        yield text[begin : cut + 1]
        begin = cut + len(_BETWEEN) - 1


def _is_whole(part: bytes) -> bool:
    """Tell whether each token that begins in a part ends there: its quotes are in pairs."""
    if not part.endswith(b'"'):
        return False
    bare = part.replace(b"\\\\", b"")  # a backslash that stands for itself guards no quote
    return (bare.count(b'"') - bare.count(b'\\"')) % 2 == 0
