"""How long the history is, learned in the place of Q values: a control of SQN and SAC.

Labarca Silva, Parra and Toro Icarte (*On the Unexpected Effectiveness of Reinforcement Learning for
Sequential Recommendation*, ICML 2024) replace the Q-learning of SQN by a task without rewards. They
report that it gains as much. As in their code, the head of Q values speaks at the item that
follows, and says how many items came before: ``(n / max n - f(s, a))^2 / 2``. There is one network.
Ours: all positions of a window are states, and n counts all rows of the user, also those before the
window.
"""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
from torch import nn

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.fields import ACTION, HISTORY_LENGTH
from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.parts import Parts
from recbole_poem.losses.q_values import Critic, QHead
from recbole_poem.losses.rewards import behind
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("history_length")
class HistoryLength(nn.Module):
    """The number of items before, said in the place of a Q value (a control; ICML 2024).

    It stands beside ``feedback``.

    Parameters
    ----------
    settings : Settings
    parts : Parts
        Of the model.
    """

    teaches_history = True
    teaches_state = False
    stands_alone = False
    asks_softmax = False

    @dataclass(frozen=True)
    class Settings:
        """Of the term."""

        weight: float = setting(1, FROM_0, "of the term")

    def __init__(self, settings: Any, parts: Parts) -> None:
        super().__init__()
        self.weight = settings.weight
        self.head = QHead(parts.n_items, parts.sizes.hidden_size, parts.initial_std)

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the items and the shares of the longest history (B, W)."""
        before = data.log.position
        most = max(1, before[data.log.training].max(initial=0))
        return {
            ACTION: behind(data.log.item),
            HISTORY_LENGTH: behind((before / most).astype("float32")),
        }

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: the length is the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it says a number."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def forward(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over all positions that an item follows."""
        action, history = learnt.batch[ACTION], cast(torch.Tensor, learnt.history)
        there = action > 0
        said = Critic(history[there], self.head).values(action[there])
        error = 0.5 * (learnt.batch[HISTORY_LENGTH][there] - said).square()
        return self.weight * weighted_mean(error, torch.ones_like(error), learnt.n_processes)
