"""A ranking as it travels between requests: raw tokens, their scores per objective, and stages.

The binary form holds no code and needs none to be read::

    magic  version  checksum  length of head   head (JSON: objectives, tokens)   scores
    4 B    1 B      4 B       4 B              UTF-8                             float32, row-major

All numbers are little-endian; the checksum is the CRC-32 of everything behind it. Of a ranking that
tells stages, the head names them behind the tokens.
"""

import json
import struct
import zlib
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Any, Collection, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number_type, types_of
from recbole_poem.fusion.cascade_stages import STAGES
from recbole_poem.serving.tokens import listed, ordered

_MAGIC, _VERSION = b"POEM", 1
_FRAME, _LENGTH = struct.Struct("<4sBI"), struct.Struct("<I")


_FAR = 10**300
_FEW = 5  # candidates, of which all may be out of the common


class DamagedRankingError(ValueError):
    """Bytes that are no ranking: cut short, changed, or of another program or version."""


@dataclass(frozen=True)
class Ranking:
    """What the ranking stage said at one request.

    Attributes
    ----------
    items : (N,) str
        Raw item tokens, each at most once.
    objectives : (M,) str
        Names of the objectives, each once, in the order of the columns of `scores`.
    scores : (N, M) float32
        Higher is better; finite.
    stages : (N,) str, optional
        How far each item came in the cascade, of `fusion.cascade_stages.STAGES`; None = not told.

    Raises
    ------
    InputError
        See `of`, which takes plain sequences.
    """

    items: Tuple[str, ...]
    objectives: Tuple[str, ...]
    scores: np.ndarray
    stages: Optional[Tuple[str, ...]] = None

    def __post_init__(self) -> None:
        _require_once("items", "an item", self.items)
        _require_once("objectives", "an objective", self.objectives)
        _check_stages(self.items, self.stages)
        shape = len(self.items), len(self.objectives)
        scores = _table(self.scores)
        scores = scores.reshape(shape) if scores.size == 0 == len(self.items) else scores
        if scores.shape != shape:
            raise InputError(
                f"scores: a ranking of {shape[0]} items and {shape[1]} objectives cannot have "
                f"scores of shape {scores.shape}"
            )
        with np.errstate(over="ignore"):
            held = scores.astype(np.float32)
        if not np.isfinite(held).all():
            item, objective = np.argwhere(~np.isfinite(held))[0].tolist()
            raise InputError(
                "scores: a ranking's scores have to be finite numbers of float32, not "
                f"{scores[item, objective]} for the item '{self.items[item]}' and the objective "
                f"'{self.objectives[objective]}'"
            )
        object.__setattr__(self, "scores", held)

    @classmethod
    def of(
        cls,
        items: Sequence[Any],
        objectives: Sequence[str],
        scores: Any,
        stages: Optional[Sequence[str]] = None,
    ) -> "Ranking":
        """Return the ranking of plain sequences.

        Parameters
        ----------
        items : sequence of str or int
            Raw item tokens.
        objectives : sequence of str
        scores : sequence of sequences of float, or array
            One row an item, one column an objective.
        stages : sequence of str, optional
            One an item.

        Raises
        ------
        InputError
            For one string in place of a list, an item or an objective that is there twice, what is
            no token, scores or stages that do not fit, and a score that is no finite number of
            float32, named.
        """
        ordered("items", items)
        ordered("objectives", objectives, "names")
        tokens, names = listed("items", items), listed("objectives", objectives, "names")
        if stages is not None:
            ordered("stages", stages, "names")
            stages = tuple(map(str, listed("stages", stages, "names")))
        return cls(tuple(map(str, tokens)), tuple(map(str, names)), scores, stages)

    def without(self, items: Collection[str]) -> "Ranking":
        """Return the ranking less some candidates, such as those that were consumed since."""
        gone = set(map(str, listed("items", items)))
        if gone.isdisjoint(self.items):
            return self
        kept = [place for place, item in enumerate(self.items) if item not in gone]
        items = tuple(self.items[place] for place in kept)
        stages = None if self.stages is None else tuple(self.stages[place] for place in kept)
        return Ranking(items, self.objectives, self.scores[kept], stages)

    def to_bytes(self) -> bytes:
        """Return the binary form."""
        told = [self.objectives, self.items, *([] if self.stages is None else [self.stages])]
        words = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        head = words.encode()
        body = _LENGTH.pack(len(head)) + head + self.scores.astype("<f4").tobytes()
        return _FRAME.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, content: bytes) -> "Ranking":
        """Read the binary form.

        Raises
        ------
        DamagedRankingError
            If `content` is anything else than what `to_bytes` wrote.
        """
        try:
            magic, version, checksum = _FRAME.unpack_from(content)
            body = content[_FRAME.size :]
            if magic != _MAGIC or version != _VERSION:
                raise DamagedRankingError("of another program or version")
            if zlib.crc32(body) != checksum:
                raise DamagedRankingError("cut short or changed")
            (length,) = _LENGTH.unpack_from(body)
            objectives, items, *stages = json.loads(body[_LENGTH.size :][:length].decode())
            scores = np.frombuffer(body[_LENGTH.size + length :], dtype="<f4")
            table = scores.reshape(len(items), len(objectives))
            return cls(tuple(items), tuple(objectives), table, *map(tuple, stages))
        except DamagedRankingError:
            raise
        except (struct.error, ValueError, TypeError, RecursionError) as error:
            raise DamagedRankingError(f"no ranking: {error}") from error


class Needs(NamedTuple):
    """What a model reads in a ranking.

    Attributes
    ----------
    objectives : list of str
        None at all where it reads no rankings.
    stages : bool
        Whether it groups candidates by their stages.
    n_rankings : int
        Previous rankings of a user that it reads, the key of that name.
    spans : list of (float, float), optional
        The lowest and the highest score of each objective that a learned fusion knows; None = only
        their order counts.
    """

    objectives: List[str]
    stages: bool = False
    n_rankings: int = 1
    spans: Optional[List[Tuple[float, float]]] = None

    def lacking(self, ranking: Ranking) -> Optional[str]:
        """Say what a ranking lacks, or why its scores cannot be read; None if it has all.

        One without candidates needs no stages. Scores are those of another ranker where all of an
        objective lie beside those that a learned fusion knows, by more than these span.
        """
        asked = listed("objectives", self.objectives, "names")
        for name in asked:
            if name not in ranking.objectives:
                read = ", ".join(self.objectives)
                return f"the objective '{name}' is missing; the model reads {read}"
        if self.stages and ranking.stages is None and ranking.items:
            return "the stages are missing, by which the model groups candidates (grouping)"
        return self._foreign(ranking)

    def _foreign(self, ranking: Ranking) -> Optional[str]:
        if self.spans is None or len(ranking.items) < _FEW:
            return None
        for name, (low, high) in zip(self.objectives, self.spans):
            scores = ranking.scores[:, ranking.objectives.index(name)]
            least, most = float(scores.min()), float(scores.max())
            if high > low and (least > 2 * high - low or most < 2 * low - high):
                return (
                    f"the scores of '{name}' go from {least:.4g} to {most:.4g}, and the score "
                    f"fusion learned from {low:.4g} to {high:.4g}; give those of the ranker that "
                    "it learned from"
                )
        return None

    def too_many(self, number: int) -> Optional[str]:
        """Say so where more rankings of a request are given than are read, None else."""
        if not self.objectives or number <= self.n_rankings:
            return None
        return (
            f"{number} rankings of one request are given, and the model reads {self.n_rankings} "
            "(n_rankings); leave the older ones out"
        )


def _check_stages(items: Tuple[str, ...], stages: Any) -> None:
    if stages is None:
        return
    if not isinstance(stages, tuple):
        raise InputError(f"stages: expected a tuple, not {stages!r}; Ranking.of takes lists")
    wrong = [stage for stage in stages if stage not in STAGES]
    if wrong:
        raise InputError(f"stages: {wrong[0]!r} is none of {', '.join(STAGES)}")
    if len(stages) != len(items):
        raise InputError(
            f"stages: a ranking of {len(items)} items cannot have {len(stages)} stages"
        )


def _require_once(name: str, one: str, tokens: Any) -> None:
    if not isinstance(tokens, tuple):
        raise InputError(f"{name}: expected a tuple, not {tokens!r}; Ranking.of takes lists")
    if len(set(tokens)) < len(tokens):
        twice = next(token for place, token in enumerate(tokens) if token in tokens[:place])
        raise InputError(f"{name}: a ranking names {one} twice, '{twice}'")


def _table(scores: Any) -> np.ndarray:
    """Return rows of numbers as an array, those of an array in their own precision."""
    words = "scores: a ranking's scores have to be rows of numbers, all as long"
    if hasattr(scores, "columns"):
        raise InputError(
            "scores: a frame has columns of its own; give frame[objectives].to_numpy()"
        )
    if hasattr(scores, "__array__"):  # of numpy, pandas or torch
        table = np.asarray(scores)
        if is_number_type(table.dtype.type):
            return table
        scores = table.tolist()
    try:
        kinds = set(chain.from_iterable(map(types_of, scores)))
        table = np.array(scores, dtype=np.float64)
    except OverflowError:  # a whole number that is beyond float64
        table = np.array([[inf if abs(one) > _FAR else one for one in row] for row in scores])
    except (TypeError, ValueError) as error:
        raise InputError(words) from error
    if not all(map(is_number_type, kinds)):
        raise InputError(words)
    return table
