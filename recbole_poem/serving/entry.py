"""A ranking as it travels between requests: raw tokens, and their scores per objective.

The binary form holds no code and needs none to be read::

    magic  version  checksum  length of head   head (JSON: objectives, tokens)   scores
    4 B    1 B      4 B       4 B              UTF-8                             float32, row-major

All numbers are little-endian; the checksum is the CRC-32 of everything behind it.
"""

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Collection, Iterable, Optional, Sequence, Tuple

import numpy as np

_MAGIC, _VERSION = b"POEM", 1
_FRAME, _LENGTH = struct.Struct("<4sBI"), struct.Struct("<I")


class DamagedEntryError(ValueError):
    """Bytes that are no entry: cut short, changed, or of another program or version."""


@dataclass(frozen=True)
class Entry:
    """What the ranking stage said at one request.

    Attributes
    ----------
    items : (N,) str
        Raw item tokens, each at most once.
    objectives : (M,) str
        Names of the objectives, in the order of the columns of `scores`.
    scores : (N, M) float32
        Higher is better; finite.
    """

    items: Tuple[str, ...]
    objectives: Tuple[str, ...]
    scores: np.ndarray

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.items), len(self.objectives)):
            raise ValueError(
                f"an entry of {len(self.items)} items and {len(self.objectives)} objectives cannot "
                f"have scores of shape {self.scores.shape}"
            )
        if not np.isfinite(self.scores).all():
            raise ValueError("an entry's scores have to be finite numbers")
        if len(set(self.items)) < len(self.items):
            raise ValueError("an entry names an item twice")

    @classmethod
    def of(
        cls, items: Sequence[str], objectives: Sequence[str], scores: Sequence[Sequence[float]]
    ) -> "Entry":
        """Return the entry of plain sequences.

        Raises
        ------
        ValueError
            If the scores do not fit, are not finite, or an item is there twice.
        """
        try:
            values = np.array(scores, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError("an entry's scores have to be rows of numbers, all as long") from error
        values = values.reshape(0, len(objectives)) if values.size == 0 == len(items) else values
        return cls(tuple(map(str, items)), tuple(map(str, objectives)), values)

    def without(self, items: Collection[str]) -> "Entry":
        """Return the entry less some candidates, such as those that were consumed since."""
        gone = set(items)
        if gone.isdisjoint(self.items):
            return self
        kept = [place for place, item in enumerate(self.items) if item not in gone]
        return Entry(tuple(self.items[place] for place in kept), self.objectives, self.scores[kept])

    def missing(self, objectives: Iterable[str]) -> Optional[str]:
        """Return the first of some objectives that the entry does not have, None if it has all."""
        return next((name for name in objectives if name not in self.objectives), None)

    def to_bytes(self) -> bytes:
        """Return the binary form."""
        words = json.dumps([self.objectives, self.items], ensure_ascii=False, separators=(",", ":"))
        head = words.encode()
        body = _LENGTH.pack(len(head)) + head + self.scores.astype("<f4").tobytes()
        return _FRAME.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, content: bytes) -> "Entry":
        """Read the binary form.

        Raises
        ------
        DamagedEntryError
            If `content` is anything else than what `to_bytes` wrote.
        """
        try:
            magic, version, checksum = _FRAME.unpack_from(content)
            body = content[_FRAME.size :]
            if magic != _MAGIC or version != _VERSION:
                raise DamagedEntryError("of another program or version")
            if zlib.crc32(body) != checksum:
                raise DamagedEntryError("cut short or changed")
            (length,) = _LENGTH.unpack_from(body)
            objectives, items = json.loads(body[_LENGTH.size :][:length].decode())
            scores = np.frombuffer(body[_LENGTH.size + length :], dtype="<f4")
            return cls(tuple(items), tuple(objectives), scores.reshape(len(items), len(objectives)))
        except DamagedEntryError:
            raise
        except (struct.error, ValueError, TypeError) as error:
            raise DamagedEntryError(f"no entry: {error}") from error
