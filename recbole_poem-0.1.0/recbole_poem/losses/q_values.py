"""Q values of actions, and the aims of double Q-learning, at all positions of windows at once.

``y = r + gamma Q_target(s', argmax_a Q_main(s', a))`` and the loss ``(y - Q_main(s, a))^2 / 2``
(van Hasselt, Guez, Silver, AAAI 2016; the half is TRFL's). Behind the end of a session nothing is
earned. The next state of a position is the following one of its window.
"""

from typing import NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.logits.scoring import Interest, Items, logits_of, of_state, shared_logits


class QHead(nn.Module):
    """``Q(s, a) = max_k s_k . w_a + b_a``: a linear layer over the catalogue.

    It is never computed whole: what is learned are values of single actions.

    Parameters
    ----------
    n_items : int
        Padding included.
    size : int
        d, of a state.
    std : float
        Standard deviation of the initial weights.
    """

    def __init__(self, n_items: int, size: int, std: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(n_items, size + 1))  # the last column is b
        nn.init.normal_(self.table, std=std)
        nn.init.zeros_(self.table.detach()[:, -1])

    def of(self, states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the values (P, C) of actions (P, C) in states (P, K, d)."""
        return logits_of(*self._parts(states), actions)

    def of_shared(self, states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the values (P, C) of the same actions (C,) in all states (P, K, d)."""
        return shared_logits(*self._parts(states), actions)

    def _parts(self, states: torch.Tensor) -> Tuple[Interest, Items]:
        return of_state(F.pad(states, (0, 1), value=1.0)), Items(self.table)


class Critic(NamedTuple):
    """A network's view of P states.

    Attributes
    ----------
    states : (P, K, d)
    head : QHead
    """

    states: torch.Tensor
    head: QHead

    def values(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the value of one action (P,) in each state, (P,)."""
        return self.head.of(self.states, actions.unsqueeze(1)).squeeze(1)


@torch.no_grad()
def best_values(main: Critic, target: Critic, actions: torch.Tensor) -> torch.Tensor:
    """Return what the target says of the action that is best by the main one, (P,).

    Parameters
    ----------
    main, target : Critic
        Of the same P states.
    actions : (C,) int64
        That there are.
    """
    best = main.head.of_shared(main.states, actions).argmax(dim=1)
    return target.values(actions[best])


def aims(
    reward: torch.Tensor,
    ends: torch.Tensor,
    there: torch.Tensor,
    value: torch.Tensor,
    discount: float,
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return y at every position, (B, W), and where it is known, (B, W) bool.

    It is not known where a window is cut and the user's session goes on.

    Parameters
    ----------
    reward : (B, W)
    ends : (B, W) bool
        Whether the session ends with the action.
    there : (B, W) bool
        Whether an action follows the position.
    value : (B, W)
        Of the best action at the position itself.
    discount : float
        gamma.
    """
    following = F.pad(value[:, 1:], (0, 1))
    goes_on = F.pad(there[:, 1:], (0, 1))
    aim = reward + discount * following.masked_fill(ends, 0)
    return aim, there & (ends | goes_on)
