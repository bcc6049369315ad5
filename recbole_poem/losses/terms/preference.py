"""What was taken is to be preferred to what was passed over, more than a frozen model prefers it.

Rafailov et al. (*Direct Preference Optimization*, NeurIPS 2023, arXiv 2305.18290) learn from pairs
of a wanted answer w and an unwanted one l,

    L = -log sigma(beta ((s_w - s_l) - (s'_w - s'_l))),

where s' are scores of a frozen reference. The logarithms of probabilities that the paper has are
scores here, since the sum of a softmax over the catalogue is the same for both items of a pair.
Feng et al. (*Expectation Confirmation Preference Optimization*, arXiv 2506.14302) make such pairs
where an answer did not satisfy: the better answer and the one that was given.

Our reading for a cascade: an answer that did not satisfy is what the ranking of a request had on
top, and no row of the request took; the better answer is what the request took. The ranking is a
label, and never an input. Both models score by their history states alone, without logit terms and
rankings that are read, so that the pairs teach the history. The reference is the model as it is
when the term begins to act. It has no dropout, and is saved with the model. The model learns with
its own, so that without dropout the term begins at log 2, and with it somewhat above.
"""

from dataclasses import dataclass
from typing import Any, Dict, cast

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.fields import PASSED_OVER
from recbole_poem.core.settings import ABOVE_0, FROM_0, at_least, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.encoders.history import HistoryEncoder
from recbole_poem.log.feedback import positive_rows
from recbole_poem.logits.scoring import Items, logits_of, of_state
from recbole_poem.losses.parts import Parts
from recbole_poem.losses.second_network import SecondNetwork
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("preference")
class Preference(nn.Module):
    """What was taken against what was passed over, beside a frozen model (after arXiv 2506.14302).

    It stands beside ``feedback``, and is 0 until it acts.

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
        """Of the term, of its pairs and of its reference."""

        weight: float = setting(0.1, FROM_0, "of the term")
        beta: float = setting(1, ABOVE_0, "how soon a difference to the reference is enough")
        depth: int = setting(10, at_least(1), "k, items from the top of the ranking that count")
        after_epochs: int = setting(
            5, at_least(0), "epochs without the term; the model then is the reference"
        )

    n_epochs: torch.Tensor

    def __init__(self, settings: Any, parts: Parts) -> None:
        super().__init__()
        self.settings = settings
        with torch.random.fork_rng():  # a copy needs no draws, and the model keeps its own
            self.reference = SecondNetwork(parts).requires_grad_(False)
        #: epochs that have begun
        self.register_buffer("n_epochs", torch.zeros((), dtype=torch.int64))

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes the items that were passed over, (B, R, k); 0 = none."""
        condition = data.config["positive_feedback"]
        taken = positive_rows(data.log, condition, "positive_feedback") & data.log.training

        def make(requests: torch.Tensor, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
            found = data.dataset.passed_over(requests.numpy(), taken, settings.depth)
            return cast(torch.Tensor, found)

        return {PASSED_OVER: make}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return True: what was passed over stood in a ranking."""
        return True

    @property
    def acts(self) -> bool:
        """Whether the epochs without the term are over."""
        return int(self.n_epochs) > self.settings.after_epochs

    def begin_epoch(self, item_embedding: nn.Embedding, history_encoder: HistoryEncoder) -> None:
        """Count an epoch; before the first one that the term acts in, freeze the model."""
        if self.n_epochs == self.settings.after_epochs:
            self.reference.become(item_embedding, history_encoder)
        self.n_epochs += 1

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return none: it compares scores."""
        return learnt.target.new_zeros(len(learnt.target), 0)

    def forward(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the items that were passed over; 0 before the term acts."""
        history = cast(torch.Tensor, learnt.history)
        if not self.acts:
            return 0 * history.sum()
        passed_over = learnt.batch[PASSED_OVER][learnt.asks]  # (Q, k)
        chosen = torch.cat([learnt.target.unsqueeze(1), passed_over], dim=1)
        # what logit terms put behind an embedding is not scored by a history
        items = Items(learnt.items.embedding[:, : history.shape[-1]])
        lead = leads(history[learnt.places], items, chosen)
        with torch.no_grad():
            states = self.reference.eval()(learnt)
            usual = leads(states[learnt.places], self.reference.scoring_items(), chosen)
        loss = -F.logsigmoid(self.settings.beta * (lead - usual))
        part = weighted_mean(loss, passed_over > 0, learnt.n_processes)
        return cast(torch.Tensor, self.settings.weight * part)


def leads(states: torch.Tensor, items: Items, chosen: torch.Tensor) -> torch.Tensor:
    """Return by how much the first of the items (Q, 1 + k) leads each other one, (Q, k).

    Parameters
    ----------
    states : (Q, K, d)
        An item is scored by the one that fits it best.
    items : Items
    chosen : (Q, 1 + k) int64
    """
    scores = logits_of(of_state(states), items, chosen)
    return scores[:, :1] - scores[:, 1:]
