"""Self-supervised Q-learning (Xin, Karatzoglou, Arapakis, Jose, SIGIR 2020, arXiv 2006.05779).

``L = CE(s, a) + (y - Q_main(s, a))^2 / 2`` with the ``y`` of double Q-learning
(`recbole_poem.losses.q_values`), of two complete networks: each has item embeddings, a history
encoder, a head of Q values and a cross-entropy. By lot one of them is the main one in a batch and
learns; the other one is the target and stays. Recommendations come of the cross-entropy of the
first, which is the model itself. So the authors' code has it, and dropout falls on both.

Ours: all positions of a window are states, and the following position is the next state; the paper
has one state a row. Actions are all rows of the windows, also those that are no targets of the
cross-entropy. A session is all training rows of a user, unless ``session_gap`` parts them. Q values
are a linear layer over the catalogue, as the paper's, and only those that are needed are computed.
In a large catalogue the best next action is looked for among a draw. Where rankings are read, Q
values see the history alone.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, Optional, Tuple, cast

import torch
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.fields import (
    ACTION,
    BATCH_NUMBER,
    FIRST_LEARNS,
    NEXT_ACTION,
    REWARD,
    SESSION_END,
    TARGET_ID,
)
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.settings import (
    ABOVE_0,
    FROM_0,
    PROBABILITY,
    at_least,
    or_nothing,
    setting,
)
from recbole_poem.core.stages import LOSSES
from recbole_poem.core.times import PER_SECOND
from recbole_poem.log.feedback import check_column
from recbole_poem.log.requests import RequestLog
from recbole_poem.logits.scoring import of_state
from recbole_poem.losses.parts import Parts
from recbole_poem.losses.q_values import Critic, QHead, aims, best_values
from recbole_poem.losses.rewards import REWARDS, behind, rewards_of, session_ends
from recbole_poem.losses.second_network import SecondNetwork
from recbole_poem.losses.terms import FieldMaker, Learnt, Places
from recbole_poem.losses.terms.feedback import errors

#: settings of what Q values are to be
_OF_Q = ("discount", "rewards", "session_gap", "max_actions")


@LOSSES.register("sqn")
class SQN(nn.Module):
    """Cross-entropy and double Q-learning by two networks (SQN; Xin et al., SIGIR 2020).

    It stands in the place of ``feedback``.

    Parameters
    ----------
    settings : Settings
    parts : Parts
        Of the model, which is the first network.
    """

    teaches_history = True
    teaches_state = True
    stands_alone = True
    asks_softmax = True
    #: losses that may not stand beside it: it has their cross-entropy already
    stands_in_place_of: ClassVar[Tuple[str, ...]] = ("feedback",)
    #: the key of its settings, for the words of errors
    key: ClassVar[str] = "losses.sqn"

    @dataclass(frozen=True)
    class Settings:
        """Of the rewards, and of what is made of them; the paper's values."""

        weight: float = setting(1, FROM_0, "of the term")
        q_weight: float = setting(1, FROM_0, "of Q-learning against the cross-entropy")
        discount: float = setting(0.5, PROBABILITY, "gamma, of what is earned later")
        rewards: Optional[Dict[str, Any]] = setting(
            None, REWARDS, "what a row earns: of its columns' the farthest from 0; ~ = 1"
        )
        session_gap: Optional[float] = setting(
            None,
            or_nothing(ABOVE_0),
            "seconds without a row that end a session; ~ = a user has one session",
        )
        max_actions: int = setting(
            10000, at_least(1), "items up to which the best next one is found; above, of a draw"
        )

        def idle(self) -> Dict[str, str]:
            """Return the settings of Q-learning, where it has no weight."""
            why = "with q_weight: 0 no Q value is learned"
            return {} if self.q_weight else dict.fromkeys(_OF_Q, why)

    def __init__(self, settings: Any, parts: Parts) -> None:
        super().__init__()
        self.settings = settings
        self.second = SecondNetwork(parts)
        of_head = parts.n_items, parts.sizes.hidden_size, parts.initial_std
        self.first_head, self.second_head = QHead(*of_head), QHead(*of_head)

    @classmethod
    def check_columns(cls, settings: Any, log: RequestLog) -> None:
        """Refuse rewards of columns that the log does not have.

        Raises
        ------
        InputError
        """
        for name in settings.rewards or {}:
            check_column(log, name, f"{cls.key}.rewards")

    @classmethod
    def fields(cls, settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return what makes actions, rewards and ends (B, W), and what is drawn for a batch."""
        log, seed = data.log, data.config["seed"]
        per_second, gap = PER_SECOND[data.config["time_unit"]], settings.session_gap
        makers: Dict[str, FieldMaker] = {
            ACTION: behind(log.item),
            REWARD: behind(rewards_of(log, settings.rewards, f"{cls.key}.rewards")),
            SESSION_END: behind(session_ends(log, None if gap is None else gap * per_second)),
        }

        def lot(requests: Any, draws: Any, batch: Interaction) -> torch.Tensor:
            return uniform(seed, Purpose.MAIN_NETWORK, batch[BATCH_NUMBER]) < 0.5

        def next_actions(requests: Any, draws: Any, batch: Interaction) -> torch.Tensor:
            which = torch.arange(settings.max_actions)
            share = uniform(seed, Purpose.NEXT_ACTION, batch[BATCH_NUMBER], which)
            return 1 + (share * (log.n_items - 1)).long()

        makers[FIRST_LEARNS] = lot
        if log.n_items - 1 > settings.max_actions:
            makers[NEXT_ACTION] = next_actions
        return makers

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: rewards are the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return the targets (Q, 1), or none where the second network learns."""
        wanted = learnt.target.unsqueeze(1)
        return wanted if learnt.history is None or first_learns(learnt) else wanted[:, :0]

    def forward(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Return the loss of the network that learns; on top of the history, the cross-entropy."""
        if learnt.history is None:
            error, weight = errors(learnt, log_probability)
            return self.settings.weight * weighted_mean(error, weight, learnt.n_processes)
        there = learnt.batch[ACTION] > 0  # (B, W), P of them
        states, main, target = self._critics(learnt, there)
        values = main.values(learnt.batch[ACTION][there])  # (P,)
        difference, known = self._difference(learnt.batch, there, values, main, target)
        learned = weighted_mean(0.5 * difference.square(), known, learnt.n_processes)
        error, weight, places = self._errors(learnt, log_probability, states)
        gain = laid_out(self.gain(values.detach(), learnt.batch), there)[places]
        entropy = weighted_mean(gain * error, weight, learnt.n_processes)
        return self.settings.weight * (entropy + self.settings.q_weight * learned)

    def gain(self, values: torch.Tensor, batch: Interaction) -> torch.Tensor:
        """Return what the cross-entropy of each action is multiplied by, (P,), of its Q values."""
        return torch.ones_like(values)

    def _critics(self, learnt: Learnt, there: torch.Tensor) -> Tuple[torch.Tensor, Critic, Critic]:
        """Return the states (B, W, K, d) of the main network, and what both say where `there`."""
        history = cast(torch.Tensor, learnt.history)
        if first_learns(learnt):
            with torch.no_grad():
                other = self.second(learnt)
            target = Critic(other[there], self.second_head)
            return history, Critic(history[there], self.first_head), target
        states = self.second(learnt)
        target = Critic(history.detach()[there], self.first_head)
        return states, Critic(states[there], self.second_head), target

    def _difference(
        self,
        batch: Interaction,
        there: torch.Tensor,
        values: torch.Tensor,
        main: Critic,
        target: Critic,
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return ``y - Q_main(s, a)`` where `there`, (P,), and where it is known, (P,) bool."""
        n_items = len(self.first_head.table)
        every = torch.arange(1, n_items, device=values.device)
        actions = batch.interaction.get(NEXT_ACTION, every)
        at_best = laid_out(best_values(main, target, actions), there)
        discount = self.settings.discount
        aim, known = aims(batch[REWARD], batch[SESSION_END], there, at_best, discount)
        return aim[there] - values, known[there]

    def _errors(
        self, learnt: Learnt, log_probability: torch.Tensor, states: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, Places]:
        """Return cross-entropies of the main network, their weights (E,), and where they stand."""
        if first_learns(learnt):
            both = zip(learnt.places, learnt.other_places)
            window, position = (torch.cat(each) for each in both)
            return (*errors(learnt, log_probability), (window, position))
        target = learnt.batch[TARGET_ID]
        window, position = (target > 0).nonzero(as_tuple=True)
        wanted = target[window, position].unsqueeze(1)
        interest, items = of_state(states[window, position]), self.second.scoring_items()
        error = -learnt.log_probability(interest, wanted, items)[:, 0]
        return error, torch.ones_like(error), (window, position)


def first_learns(learnt: Learnt) -> bool:
    """Tell whether the first network is the main one in a batch."""
    return bool(learnt.batch[FIRST_LEARNS])


def laid_out(values: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Return values (P,) at the places of `there` (B, W), (B, W), and 0 elsewhere."""
    return values.new_zeros(there.shape).masked_scatter(there, values)
