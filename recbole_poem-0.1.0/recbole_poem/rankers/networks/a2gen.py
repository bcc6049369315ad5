"""A2Gen (arXiv 2604.25834): what a user does with an item, generated action by action.

The paper's *autoregressive action generator* says after each action which comes next, and when in
the video, by its context-aware attention to the actions so far; an order loss keeps the times in
the order of the actions. Its equations were not known to us. These are our reading, for logs that
do not tell when in the video an action was taken. There the order is fixed: that of the key
``targets``, yes/no targets being the actions. Action k is decided when those before it are::

    c   = W bottom(features)                                    the context, and the start token
    z_k = tower_k(bottom(features)) + b_k + w_k . attention(e_k, c; tokens c and e_j, j < k taken)
    p(a) = prod_k p(a_k | a_<k),  p(a_k = 1 | a_<k) = sigmoid(z_k)
    P_k = sum of p(a_<k) sigmoid(z_k) over all a_<k             what is predicted
    loss_k = cross-entropy of a_k by z_k + gamma sum_{j<k} max(T_j - T_k, 0)^2,  T = 1 - P

The attention, whose gates know the task k by its token e_k, is that of
`recbole_poem.rankers.context_attention`. w_k and b_k are 0 at first, and the network is then a
shared bottom. An earlier action whose label is not known gives
a token that says so. P_k is the exact sum over 2^k prefixes, so nothing is sampled or searched, and
there is no gap between the true prefixes of training and those that are generated.

The order loss has the paper's form. Without times, T_k is the share of exposures that do not get as
far as action k. This order holds where each action needs the ones before it, a funnel; elsewhere
gamma has to be 0, its default (the paper's is 0.1).

A target that is no yes/no answer, such as a watch time, has its tower alone. The paper's encoder of
the history is ``pooling: actions``, see `recbole_poem.rankers.action_history`.
"""

from dataclasses import dataclass
from typing import Iterator, List, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.core.stages import RANKERS
from recbole_poem.rankers.context_attention import ContextAttention, Tokens
from recbole_poem.rankers.networks import RowLosses
from recbole_poem.rankers.networks.shared_bottom import SharedBottom
from recbole_poem.rankers.targets import Target
from recbole_poem.rankers.targets.binary import actions_of

_MOST = 10  # actions; the last of eleven would have 1,024 prefixes


@RANKERS.register("a2gen")
class ActionGenerator(nn.Module):
    """A shared bottom whose yes/no targets are generated one after the other (arXiv 2604.25834).

    Parameters
    ----------
    settings : ActionGenerator.Settings
    input_size : int
        F, the width of the features.
    n_targets : int
        M; all count as yes/no answers until `know` tells more.
    """

    #: (K,), the targets that are actions
    columns: torch.Tensor
    #: (K,), what the weight of positives adds to the log-odds of each
    shift: torch.Tensor

    @dataclass(frozen=True)
    class Settings(SharedBottom.Settings):
        """Those of the shared bottom, and the sizes of the generator."""

        action_size: int = setting(16, at_least(1), "d, size of the token of an action")
        n_heads: int = setting(2, at_least(1), "heads of the attention to earlier actions")
        order_weight: float = setting(
            0.0, FROM_0, "gamma of the order loss, for targets each of which needs those before"
        )

    def __init__(
        self, settings: "ActionGenerator.Settings", input_size: int, n_targets: int
    ) -> None:
        super().__init__()
        self.order_weight = settings.order_weight
        self.backbone = SharedBottom(settings, input_size, n_targets)
        self.context = nn.Linear(settings.bottom_sizes[-1], settings.action_size)
        self.generator = Generator(n_targets, settings.action_size, settings.n_heads)
        self.register_buffer("columns", torch.arange(n_targets), persistent=False)
        self.register_buffer("shift", torch.zeros(n_targets), persistent=False)

    def know(self, targets: Sequence[Target]) -> None:
        """Tell it its M targets.

        Raises
        ------
        InputError
            For more yes/no targets than sequences can be summed over.
        """
        actions = actions_of(targets)
        if len(actions) > _MOST:
            raise InputError(
                f"targets: a2gen sums over all sequences of yes/no targets, {_MOST} at most, and "
                f"there are {len(actions)}; leave some out, or take another ranker"
            )
        weights = [targets[action].settings.positive_weight for action in actions]
        self.columns = torch.tensor(actions, dtype=torch.int64)
        self.shift = torch.tensor(weights, dtype=self.shift.dtype).log()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation.

        Those of the actions say how likely each is, whatever comes before it.
        """
        shared = self.backbone.bottom(features)
        return self._marginal(self.backbone.read(shared), self.context(shared))

    def following(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the outputs where the actions before each one are known.

        Parameters
        ----------
        features : (..., F)
        labels : (..., M)
            Those of the actions are 1 = taken, 0 = not, NaN = not known.

        Returns
        -------
        (..., M)
        """
        shared = self.backbone.bottom(features)
        return self._following(self.backbone.read(shared), self.context(shared), labels)

    def losses(self, features: torch.Tensor, row_losses: RowLosses) -> torch.Tensor:
        """Return the loss of each action behind those before it, and its order loss, (B, M).

        Parameters
        ----------
        features : (B, F)
        row_losses : RowLosses
        """
        shared = self.backbone.bottom(features)
        towers, context = self.backbone.read(shared), self.context(shared)
        losses = row_losses(self._following(towers, context, row_losses.labels))
        if not self.order_weight:
            return losses
        likely = (self._marginal(towers, context)[..., self.columns] - self.shift).sigmoid()
        disorder = self.order_weight * order_loss(1 - likely)
        return losses.index_add(-1, self.columns, disorder)

    def _following(
        self, towers: torch.Tensor, context: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        added = self.generator.following(context, labels[..., self.columns], self.columns)
        return towers.index_add(-1, self.columns, added)

    def _marginal(self, towers: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Sum over what may come before each action: (..., M) and (..., d) to (..., M)."""
        alone = towers[..., self.columns] - self.shift
        logits = marginal_logits(alone, self.generator.branches(context, self.columns))
        return towers.index_copy(-1, self.columns, logits + self.shift)


class Generator(nn.Module):
    """What the actions so far add to the log-odds of the next one.

    Parameters
    ----------
    n_targets : int
        M.
    size : int
        d.
    n_heads : int
    """

    def __init__(self, n_targets: int, size: int, n_heads: int) -> None:
        super().__init__()
        self.taken = nn.Parameter(torch.randn(n_targets, size) * size**-0.5)
        self.unknown = nn.Parameter(torch.randn(n_targets, size) * size**-0.5)
        self.attention = ContextAttention(size, n_heads)
        self.weight = nn.Parameter(torch.zeros(n_targets, size))
        self.bias = nn.Parameter(torch.zeros(n_targets))

    def following(
        self, context: torch.Tensor, labels: torch.Tensor, columns: torch.Tensor
    ) -> torch.Tensor:
        """Add to each action what is known of those before it.

        Parameters
        ----------
        context : (..., d)
        labels : (..., K)
            1 = taken, 0 = not, NaN = not known.
        columns : (K,)
            The targets that are actions, in their order.

        Returns
        -------
        (..., K)
        """
        taken, unknown = self.taken[columns], self.unknown[columns]
        tokens = self._tokens(context, torch.cat([taken, unknown]))
        kinds = torch.stack([labels == 1, labels.isnan()], dim=-2).unsqueeze(-3)  # (..., 1, 2, K)
        earlier = torch.ones_like(kinds[..., 0, :]).expand(*labels.shape, -1).tril(-1)
        present = (kinds & earlier.unsqueeze(-2)).flatten(-2)  # (..., K, 2 K)
        states = self.attention(
            taken, context.unsqueeze(-2), tokens, F.pad(present, (1, 0), value=True)
        )
        return (states * self.weight[columns]).sum(dim=-1) + self.bias[columns]

    def branches(self, context: torch.Tensor, columns: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield for action k, from 0, what each of 2^k prefixes adds to it, (..., 2^k).

        Bit j of a prefix's number tells whether action j was taken.
        """
        taken, n_actions = self.taken[columns], len(columns)
        tokens = self._tokens(context, taken)
        numbers = torch.arange(2**n_actions, device=context.device).unsqueeze(1)
        bits = (numbers >> torch.arange(n_actions, device=context.device)) & 1 == 1
        for k, column in enumerate(columns):
            present = F.pad(bits[: 2**k, :k], (1, 0), value=True)  # the start token is there
            states = self.attention(
                taken[k : k + 1], context.unsqueeze(-2), tokens.first(k + 1), present
            )
            yield states @ self.weight[column] + self.bias[column]

    def _tokens(self, context: torch.Tensor, actions: torch.Tensor) -> Tokens:
        """Read the start token (..., d) and those of actions (L, d)."""
        actions = actions.expand(*context.shape[:-1], -1, -1)
        return self.attention.read(torch.cat([context.unsqueeze(-2), actions], dim=-2))


def marginal_logits(alone: torch.Tensor, branches: Iterator[torch.Tensor]) -> torch.Tensor:
    """Sum over all prefixes of each action, in logarithms, so that rare actions keep their digits.

    Parameters
    ----------
    alone : (..., K)
        Log-odds of the actions.
    branches : K times (..., 2^k)
        What each prefix adds, as `Generator.branches`.

    Returns
    -------
    (..., K), log-odds
    """
    likely = torch.zeros_like(alone[..., :1])  # logarithm of the chance of each prefix
    found: List[torch.Tensor] = [alone[..., :0]]
    for k, added in enumerate(branches):
        logits = alone[..., k, None] + added
        left, taken = likely + F.logsigmoid(-logits), likely + F.logsigmoid(logits)
        found.append(taken.logsumexp(dim=-1, keepdim=True) - left.logsumexp(dim=-1, keepdim=True))
        likely = torch.cat([left, taken], dim=-1)
    return torch.cat(found, dim=-1)


def order_loss(times: torch.Tensor) -> torch.Tensor:
    """Return sum_{p<q} max(T_p - T_q, 0)^2 for each q: times (..., K) to (..., K)."""
    gaps = times.unsqueeze(-2) - times.unsqueeze(-1)  # (..., q, p)
    return gaps.clamp(min=0).square().tril(-1).sum(dim=-1)
