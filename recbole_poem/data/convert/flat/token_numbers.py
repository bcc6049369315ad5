"""Numbers for tokens as they come up, by a table of hashes whose tokens are bytes in a row.

A dictionary of Python takes about 150 bytes a token; this takes its bytes, and 24 to 40 more.
"""

from typing import Sequence

import numpy as np

from recbole_poem.graph.compiled import compiled

_SHIFT = np.uint64(32)
_BASIS, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a


class TokenNumbers:
    """Numbers tokens from 0, in the order in which they are first asked for."""

    def __init__(self) -> None:
        self._text = np.empty(1 << 16, np.uint8)
        self._ends = np.zeros(1 << 10, np.int64)  # token i is text[ends[i] : ends[i + 1]]
        self._slots = np.full(1 << 10, -1, np.int64)
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def of(self, tokens: Sequence[str]) -> np.ndarray:
        """Return the numbers of some tokens (n,), none of which holds a line feed, (n,) int64."""
        if not len(tokens):
            return np.empty(0, np.int64)
        text = np.frombuffer(("\n".join(tokens) + "\n").encode(), np.uint8)
        ends = np.r_[0, np.flatnonzero(text == ord("\n")) + 1]
        self._make_room(len(tokens), len(text))
        found = np.empty(len(tokens), np.int64)
        self._number = _number(text, ends, self._text, self._ends, self._number, self._slots, found)
        return found

    def strings(self, begin: int, end: int) -> np.ndarray:
        """Return the tokens of the numbers ``begin .. end - 1``, (n,) str."""
        text = self._text[self._ends[begin] : self._ends[end]].tobytes().decode()
        return np.array(text.split("\n")[:-1], dtype=str)

    def longest(self) -> int:
        """Return the characters of the longest token; 0 if there is none."""
        return int(_longest(self._text, self._ends, self._number))

    def _make_room(self, n_tokens: int, n_bytes: int) -> None:
        """Grow what more tokens of so many bytes could fill."""
        most, used = self._number + n_tokens, int(self._ends[self._number])
        self._text = _grown(self._text, used + n_bytes)
        self._ends = _grown(self._ends, most + 1)
        if 2 * most > len(self._slots):
            self._slots = np.full(1 << int(2 * most).bit_length(), -1, np.int64)
            _fill(self._text, self._ends, self._number, self._slots)


def _grown(array: np.ndarray, length: int) -> np.ndarray:
    """Return an array of at least so many elements that begins like `array`."""
    if length <= len(array):
        return array
    larger = np.zeros(max(length, len(array) * 3 // 2), array.dtype)
    larger[: len(array)] = array
    return larger


@compiled
def _slot_of(
    text: np.ndarray, begin: int, end: int, known: np.ndarray, ends: np.ndarray, slots: np.ndarray
) -> int:
    """Find the slot of a token: one that holds its number, or the empty one where it belongs."""
    value = _BASIS
    for place in range(begin, end):
        value = (value ^ np.uint64(text[place])) * _PRIME
    mask = len(slots) - 1
    slot = np.int64((value ^ (value >> _SHIFT)) & np.uint64(mask))
    while slots[slot] >= 0:
        first, last = ends[slots[slot]], ends[slots[slot] + 1]
        same = last - first == end - begin
        place = 0
        while same and place < end - begin:
            same = known[first + place] == text[begin + place]
            place += 1
        if same:
            break
        slot = (slot + 1) & mask
    return int(slot)


@compiled
def _number(
    text: np.ndarray,
    ends: np.ndarray,
    known: np.ndarray,
    known_ends: np.ndarray,
    number: int,
    slots: np.ndarray,
    found: np.ndarray,
) -> int:
    """Put the numbers of tokens into `found`, add new ones, and return how many are known."""
    for token in range(len(found)):
        begin, end = ends[token], ends[token + 1]
        slot = _slot_of(text, begin, end, known, known_ends, slots)
        if slots[slot] < 0:
            at = known_ends[number]
            for place in range(end - begin):
                known[at + place] = text[begin + place]
            known_ends[number + 1] = at + end - begin
            slots[slot] = number
            number += 1
        found[token] = slots[slot]
    return number


@compiled
def _fill(known: np.ndarray, ends: np.ndarray, number: int, slots: np.ndarray) -> None:
    """Put all tokens into empty slots."""
    for token in range(number):
        slots[_slot_of(known, ends[token], ends[token + 1], known, ends, slots)] = token


@compiled
def _longest(known: np.ndarray, ends: np.ndarray, number: int) -> int:
    longest = 0
    for token in range(number):
        length = -1  # the line feed behind it
        for place in range(ends[token], ends[token + 1]):
            length += (known[place] & 0xC0) != 0x80  # of a character in UTF-8, its first byte
        longest = max(longest, length)
    return longest
