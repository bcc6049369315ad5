"""One learned number for what the user has consumed already."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.logits.terms import Asked, Named


@LOGIT_TERMS.register("repeat")
class Repeat(nn.Module):
    """One learned number, added to the logits of the items in the history.

    Parameters
    ----------
    settings : Settings
    n_features, n_candidates : int
        Of a ranking; it reads none.
    """

    reads_ranking = False

    @dataclass(frozen=True)
    class Settings:
        """It has none."""

    def __init__(self, settings: Any, n_features: int, n_candidates: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(()))

    def reset_parameters(self, std: float) -> None:
        """Begin at 0."""
        nn.init.zeros_(self.logit)

    def forward(self, asked: Asked) -> Named:
        """Add the number once for each row of the history."""
        return Named(asked.seen, self.logit * (asked.seen > 0))
