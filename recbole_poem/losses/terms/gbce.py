"""The target is an item that was wanted, sampled items are ones that were not: each by itself."""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import BINARY_NEGATIVE
from recbole_poem.core.settings import FROM_0, SHARE, at_least, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.data.position_negatives import UniformOthers
from recbole_poem.logits.scoring import Interest
from recbole_poem.losses.positions import Losses, mean_of_targets, scores_beside
from recbole_poem.losses.terms import FieldMaker, Learnt


def beta_of(t: float, n_negatives: int, n_items: int) -> float:
    """Return ``beta = alpha (t (1 - 1 / alpha) + 1 / alpha)`` with ``alpha = n / (|I| - 1)``.

    Parameters
    ----------
    t : float
        0 gives 1, 1 gives alpha.
    n_negatives : int
        n, of a target.
    n_items : int
        |I|, without padding.
    """
    alpha = n_negatives / (n_items - 1)
    return 1 - t + t * alpha


def binary_loss(positive: torch.Tensor, negative: torch.Tensor, beta: float) -> torch.Tensor:
    """Return ``-(beta log s(p) + sum_j log(1 - s(n_j))) / (n + 1)``, s the logistic function.

    An item that follows with probability q, as every other is a negative at the rate alpha, has its
    minimum at ``s = beta q / (beta q + alpha (1 - q))``: at q itself for beta = alpha.

    Parameters
    ----------
    positive : (T,)
        Scores.
    negative : (T, n)
        Scores.
    beta : float

    Returns
    -------
    (T,)
    """
    wanted, unwanted = F.softplus(-positive), F.softplus(negative).sum(dim=1)
    return (beta * wanted + unwanted) / (negative.shape[1] + 1)


@LOSSES.register("gbce")
class GBCE:
    """Generalised binary cross-entropy (gSASRec, Petrov and Macdonald, RecSys 2023).

    Sampling negatives makes the probability of a positive look too high; ``log s`` of the target
    weighs ``beta`` against it. With t = 0 it is the binary cross-entropy of SASRec, with t = 1 the
    probabilities are calibrated. Equations: arXiv 2308.07192; negatives are drawn with replacement,
    from all items but the target, and so the rate of each is ``alpha`` on average.
    """

    teaches_history = True
    teaches_state = True
    stands_alone = True
    asks_softmax = False
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Of the draw, and of the calibration."""

        weight: float = setting(1, FROM_0, "of the term")
        number: int = setting(256, at_least(1), "negatives of a target")
        t: float = setting(0.75, SHARE, "calibration; 0 = binary cross-entropy, 1 = calibrated")

    def __init__(self, settings: Any) -> None:
        self.weight, self.number, self.t = settings.weight, settings.number, settings.t

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the negatives of all positions (B, W, n)."""
        others = UniformOthers(data, settings.number, "losses.gbce")

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            return others.draw(draws, batch)

        return {BINARY_NEGATIVE: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: negatives are drawn from the catalogue."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it judges scores."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the targets."""
        n_items = len(learnt.items.embedding) if learnt.n_items is None else learnt.n_items
        beta = beta_of(self.t, self.number, n_items - 1)

        def loss(interest: Interest, target: torch.Tensor, negative: torch.Tensor) -> Losses:
            positive, beside = scores_beside(interest, learnt.items, target, negative)
            return binary_loss(positive[:, 0], beside, beta), target > 0

        return cast(torch.Tensor, self.weight * mean_of_targets(learnt, BINARY_NEGATIVE, loss))
