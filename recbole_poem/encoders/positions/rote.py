"""Rotary time: queries and keys are turned by when their rows were (RoTE, SIGIR 2026).

Sources: the paper (arXiv 2604.13389), and its authors' code for bases, weights and units: those it
trains with are of even length and have fractions, where the paper's are whole years, months and
days. Ours are levels below the day, one level a head, and angles in double precision: of seconds
since 1970, single precision keeps steps of two minutes.
"""

from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, Optional, Tuple

import torch
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range, one_of, setting
from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.positions import Rows, Silent
from recbole_poem.encoders.sizes import Sizes

_DAY = 86_400


class Level(NamedTuple):
    """A level of time.

    Attributes
    ----------
    seconds : float
        Of one unit, in the mean.
    base : float
        Its angles are ``t base^(-2i / e)``, of the plane i of e / 2 and t units since 1970.
    """

    seconds: float
    base: float


#: the authors' bases; those of hour and minute are the day's
LEVELS: Dict[str, Level] = {
    "year": Level(365.25 * _DAY, 1e6),
    "month": Level(30.4375 * _DAY, 1e4),
    "day": Level(_DAY, 1e2),
    "hour": Level(3600, 1e2),
    "minute": Level(60, 1e2),
}
WEIGHTS = Range(
    lambda v: isinstance(v, dict) and bool(v) and v.keys() <= LEVELS.keys() and _numbers(v),
    f"a mapping of some of {', '.join(LEVELS)} to numbers above 0",
)


def _numbers(weights: Dict[str, Any]) -> bool:
    return all(is_number(weight) and weight > 0 for weight in weights.values())


@POSITIONS.register("rote")
class RoTE(Silent):
    """Queries and keys are turned by year, month and day of their rows (RoTE, SIGIR 2026).

    ``sum``: ``q' = sum_l w_l R(t_l) q``, and k' likewise, with the rotation R of each level. The
    score of two rows depends on when they were, and not on the time between them alone: rotations
    of different levels meet in it. ``heads`` (ours): head h is turned by one level, the levels in
    turn, without weights; scores then depend on differences alone. Values are as they are, and no
    place is known. A row whose time is not known, 0, is turned by nothing.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes

    Raises
    ------
    InputError
        For heads of an odd size, and for fewer heads than levels where each has one.
    """

    reads = ("time",)

    @dataclass(frozen=True)
    class Settings:
        """Of the levels; the weights are the authors'."""

        levels: Dict[str, float] = setting(
            {"year": 1.5, "month": 1.0, "day": 0.5},
            WEIGHTS,
            "levels of time and their weights in the sum; also hour and minute",
        )
        combine: str = setting(
            "sum", one_of("sum", "heads"), "levels in one sum, or each in heads of its own"
        )

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        size, odd = divmod(sizes.hidden_size // sizes.n_heads, 2)
        if odd:
            raise InputError(
                f"hidden_size: rote turns pairs of numbers, and a head has {2 * size + 1}; make "
                "hidden_size an even multiple of n_heads"
            )
        levels = [LEVELS[name] for name in settings.levels]
        seconds, base = torch.tensor(levels, dtype=torch.float64).T.unsqueeze(2)  # (L, 1) each
        power = -torch.arange(size, dtype=torch.float64) / size
        weights = torch.tensor([list(settings.levels.values())], dtype=torch.float64)
        if settings.combine == "heads":
            weights = _one_for_each(sizes.n_heads, len(levels))
        rate = base**power / seconds  # (L, e / 2), radians a second
        self.rate: torch.Tensor
        self.register_buffer("rate", rate, persistent=False)
        self.weights: torch.Tensor
        self.register_buffer("weights", weights, persistent=False)  # (1 or heads, L)

    def rotate(
        self, query: torch.Tensor, key: torch.Tensor, rows: Rows, at: Optional[torch.Tensor]
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return queries (B, heads, W or 1, e) and keys (B, heads, W, e), turned."""
        turns = self.turns(rows["time"])
        mine = turns
        if at is not None:
            row = torch.arange(at.shape[0], device=at.device)
            mine = turns[row, :, at].unsqueeze(2)
        return _turned(query, mine), _turned(key, turns)

    def turns(self, time: torch.Tensor) -> torch.Tensor:
        """Return the weighted sums over the levels of ``exp(i angle)``.

        Parameters
        ----------
        time : (B, W) float64
            Seconds since 1970.

        Returns
        -------
        (B, 1 or heads, W, e / 2) complex64
        """
        angle = time.unsqueeze(-1).unsqueeze(-1) * self.rate  # (B, W, L, e / 2)
        cos, sin = ((self.weights @ part).float() for part in (angle.cos(), angle.sin()))
        return torch.complex(cos, sin).transpose(1, 2)


def _one_for_each(n_heads: int, n_levels: int) -> torch.Tensor:
    """Return which level turns each head, (heads, L) float64 of 0 and 1."""
    if n_heads < n_levels:
        raise InputError(
            f"history_encoder.position.combine: {n_levels} levels need as many heads, and n_heads "
            f"is {n_heads}; raise it, or name fewer levels"
        )
    level = torch.arange(n_heads) % n_levels
    return nn.functional.one_hot(level, n_levels).double()


def _turned(vectors: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Turn vectors (..., e), whose entries 2i and 2i + 1 are a complex number, by (..., e / 2)."""
    planes = torch.view_as_complex(vectors.unflatten(-1, (-1, 2)))
    return torch.view_as_real(planes * turns).flatten(-2)
