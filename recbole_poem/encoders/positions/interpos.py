"""Interaction rhythm: places, and how long after the row before them rows came (INTERPOS).

Sources: the paper (arXiv 2506.12661) and its authors' code, which counts whole days. Ours are gaps
in powers of two of seconds, for logs of minutes, and a slot for a gap that is not known.
"""

from dataclasses import dataclass
from typing import Any, Callable, Dict, NamedTuple, Protocol, Type

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.settings import at_least, one_of, setting
from recbole_poem.core.stages import POSITIONS
from recbole_poem.encoders.positions import Rows, Silent
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.log.row_features.gap import N_SLOTS

_DAY = 86_400


class Combination(Protocol):
    """Combines vectors of places and of rhythms; maps are of tables, not of the rows of a batch."""

    def __call__(
        self, place: torch.Tensor, rhythm: torch.Tensor, slots: torch.Tensor
    ) -> torch.Tensor:
        """Return what rows say.

        Parameters
        ----------
        place : (W, d)
            pi, of every place.
        rhythm : (S, d)
            rho, of every slot.
        slots : (B, W') int64
            Of the rows, W' <= W.

        Returns
        -------
        (B, W', d)
        """


class Added(nn.Module):
    """``pi + rho``: the paper's BF."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(
        self, place: torch.Tensor, rhythm: torch.Tensor, slots: torch.Tensor
    ) -> torch.Tensor:
        """Return what rows say; see `Combination`."""
        return _summed(place, rhythm, slots)


class Mixed(nn.Module):
    """``ReLU(W [pi; rho] + b)``: the paper's MF."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.of_place, self.of_rhythm = nn.Linear(size, size), nn.Linear(size, size, bias=False)

    def forward(
        self, place: torch.Tensor, rhythm: torch.Tensor, slots: torch.Tensor
    ) -> torch.Tensor:
        """Return what rows say; see `Combination`."""
        return torch.relu(_summed(self.of_place(place), self.of_rhythm(rhythm), slots))


class Gated(nn.Module):
    """``g * tanh(W_p pi) + (1 - g) * tanh(W_r rho), g = sigmoid(W_c [pi; rho])``: the paper's GF.

    The three maps have biases, as in the authors' code.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.of_place, self.of_rhythm = nn.Linear(size, size), nn.Linear(size, size)
        self.gate_of_place = nn.Linear(size, size)
        self.gate_of_rhythm = nn.Linear(size, size, bias=False)

    def forward(
        self, place: torch.Tensor, rhythm: torch.Tensor, slots: torch.Tensor
    ) -> torch.Tensor:
        """Return what rows say; see `Combination`."""
        gate = _summed(self.gate_of_place(place), self.gate_of_rhythm(rhythm), slots).sigmoid()
        of_place = torch.tanh(self.of_place(place))[: slots.shape[1]]
        of_rhythm = F.embedding(slots, torch.tanh(self.of_rhythm(rhythm)))
        return torch.lerp(of_rhythm, of_place, gate)


def _summed(of_place: torch.Tensor, of_rhythm: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
    """Sum what places (W, d) say and what the rhythm of each row says, (B, W', d)."""
    return of_place[: slots.shape[1]] + F.embedding(slots, of_rhythm)


COMBINATIONS: Dict[str, Type[nn.Module]] = {"add": Added, "mlp": Mixed, "gate": Gated}


class Gaps(NamedTuple):
    """How gaps become slots from 1 on.

    Attributes
    ----------
    n_slots : callable
        Of the settings: how many there are, that of what is not known with them.
    slot : callable
        Of seconds (...) from 0: slots from 1 on, (...) int64, without an end.
    """

    n_slots: Callable[[Any], int]
    slot: Callable[[torch.Tensor], torch.Tensor]


GAPS: Dict[str, Gaps] = {
    # those of the row feature `gap`
    "seconds": Gaps(lambda settings: N_SLOTS, lambda gap: 1 + torch.frexp(gap).exponent.long()),
    "days": Gaps(lambda settings: 1 + settings.n_days, lambda gap: 1 + (gap // _DAY).long()),
}


@POSITIONS.register("interpos")
class InterPos(Silent):
    """Adds to a token its place and how long after the row before it came (INTERPOS, 2025).

    The place has a learned vector pi, the gap a learned vector rho. A gap is not known before the
    first row of a window, behind a row without a time, and where time runs backwards; rho then
    begins at 0, and learns as any. ``add`` with ``seconds`` is `learned` beside the row feature
    ``gap``, but for what is not known: that feature adds nothing there, and knows the first row's.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    """

    reads = ("time",)

    @dataclass(frozen=True)
    class Settings:
        """Of the gaps, and of what they are combined with."""

        combine: str = setting("gate", one_of(*COMBINATIONS), "the paper's BF, MF and GF")
        gaps: str = setting(
            "seconds", one_of(*GAPS), "powers of two of seconds, or the paper's whole days"
        )
        n_days: int = setting(641, at_least(1), "days: longer gaps count as the longest of so many")

        def idle(self) -> Dict[str, str]:
            """Return the number of days, where gaps are not in days."""
            return {} if self.gaps == "days" else {"n_days": f"gaps are in {self.gaps}"}

    def __init__(self, settings: Any, sizes: Sizes) -> None:
        super().__init__()
        self.gaps = GAPS[settings.gaps]
        self.n_slots = self.gaps.n_slots(settings)
        self.place = nn.Embedding(sizes.max_length, sizes.hidden_size)
        # slot 0 begins at 0 by it, and learns all the same: `add` reads the whole weight
        self.rhythm = nn.Embedding(self.n_slots, sizes.hidden_size, padding_idx=0)
        self.combine = COMBINATIONS[settings.combine](sizes.hidden_size)

    def add(self, tokens: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Add what place and rhythm say to the tokens (B, W, d)."""
        slots = self.slots(rows["time"])
        added: torch.Tensor = tokens + self.combine(self.place.weight, self.rhythm.weight, slots)
        return added

    def slots(self, time: torch.Tensor) -> torch.Tensor:
        """Return the slot of the gap before each row.

        Parameters
        ----------
        time : (B, W) float64
            Seconds since 1970; 0 = not known.

        Returns
        -------
        (B, W) int64
            0 = not known.
        """
        before, time = time[:, :-1], time[:, 1:]
        gap = time - before
        is_known = (gap >= 0) & (time != 0) & (before != 0)
        slot = self.gaps.slot(gap.clamp(min=0)).clamp(1, self.n_slots - 1)
        return F.pad(slot * is_known, (1, 0))
