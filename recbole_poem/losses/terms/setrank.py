"""The target is to beat a set of items that were not wanted, as a set and not in pairs."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, cast

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import SET_NEGATIVE
from recbole_poem.core.settings import ABOVE_0, FROM_0, one_of, setting, setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import LOSSES, NEGATIVES
from recbole_poem.data.position_negatives import drawn_at_positions
from recbole_poem.logits.scoring import Interest
from recbole_poem.losses.positions import Losses, mean_of_targets, scores_beside
from recbole_poem.losses.softmax import log_share
from recbole_poem.losses.terms import FieldMaker, Learnt

#: the logarithm of the preference phi(x) for an item of score x
LOG_PREFERENCES: Dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": F.logsigmoid,
    "exp_sigmoid": torch.sigmoid,
    "exp": lambda score: score,
}


def setwise_loss(positive: torch.Tensor, negative: torch.Tensor, form: str) -> torch.Tensor:
    """Return ``-log(phi(p) / (phi(p) + sum_j phi(n_j)))`` of each positive beside one set.

    Only negatives are in the sum, so positives do not compete with each other.

    Parameters
    ----------
    positive : (T, P)
        Scores.
    negative : (T, n)
        Scores; -inf = no item.
    form : str
        One of `LOG_PREFERENCES`.

    Returns
    -------
    (T, P), not negative; 0 where the set is empty.
    """
    log_phi = LOG_PREFERENCES[form]
    there = negative > -torch.inf
    # what is no item has no preference, whatever phi(-inf) may be
    of_set = log_phi(negative.masked_fill(~there, 0)).masked_fill(~there, -torch.inf)
    beside = of_set.unsqueeze(1).expand(-1, positive.shape[1], -1)
    return -log_share(log_phi(positive), beside)


@LOSSES.register("setrank")
class SetRank:
    """Setwise Bayesian likelihood of the target beside a set (Wang et al., AAAI 2020).

    Of the paper (arXiv 2002.09841) are the likelihood and the forms of phi in its two models:
    ``sigmoid`` in the deep one, ``exp_sigmoid`` in the factorised one. With ``exp`` and one
    negative it is BPR. The paper averages over the positives of a user; here each position has its
    target, and the set is drawn anew for each (our reading for sequences). Sets hold nothing that
    the user consumed, so the term tells a user's items from others, and not which comes next: that
    is `feedback`'s, beside it. A bounded phi saturates: the temperature brings scores into its
    range. The loss of ``exp_sigmoid`` stays above ``log(1 + n / e)`` for n negatives, however well
    they are told apart.
    """

    teaches_history = True
    teaches_state = True
    stands_alone = True
    asks_softmax = False
    reads_rows_alone = True

    @dataclass(frozen=True)
    class Settings:
        """Of the likelihood, and of the sets."""

        weight: float = setting(1, FROM_0, "of the term")
        form: str = setting("sigmoid", one_of(*LOG_PREFERENCES), "phi, preference of a score")
        temperature: float = setting(1, ABOVE_0, "what scores are divided by before phi")
        negatives: Choice = setting_of(
            NEGATIVES, {"name": "uniform", "number": 30}, "where the sets come from"
        )

    def __init__(self, settings: Any) -> None:
        self.weight, self.form = settings.weight, settings.form
        self.temperature = settings.temperature

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the sets of all positions (B, W, n); 0 = none."""
        source, n_rows = settings.negatives.make(data), len(data.log)

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            return drawn_at_positions(source, draws, batch, n_rows)

        return {SET_NEGATIVE: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: negatives are the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it compares scores."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the positions that have negatives."""

        def loss(interest: Interest, target: torch.Tensor, negative: torch.Tensor) -> Losses:
            positive, beside = scores_beside(interest, learnt.items, target, negative)
            beside = (beside / self.temperature).masked_fill(negative == 0, -torch.inf)
            found = setwise_loss(positive / self.temperature, beside, self.form)
            return found[:, 0], (negative > 0).any(dim=1)

        return cast(torch.Tensor, self.weight * mean_of_targets(learnt, SET_NEGATIVE, loss))
