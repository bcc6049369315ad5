"""The history encoder of ComiRec (Cen et al., KDD 2020): several interests of one user.

Sources: the paper (arXiv 2005.09347) and its authors' code, which decides where the two differ. Our
reading: interests are made at every place of a window, each of the rows up to it, and dropout
(``hidden_dropout_prob``) may fall on the items; the paper has neither. Its re-ranking for
diversity is none of the encoder.
"""

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Union

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.settings import at_least, one_of, setting
from recbole_poem.core.stages import HISTORY_ENCODERS, POSITIONS
from recbole_poem.encoders.history.tokens import Slots, Tokens
from recbole_poem.encoders.history.transformer import up_to
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.log.row_features import RowFeature


@HISTORY_ENCODERS.register("comirec")
class ComiRec(nn.Module):
    """K interests, by self-attention or by dynamic routing (Cen et al., KDD 2020).

    An item is scored, and learned, by the interest that fits it best.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    features : mapping of names to RowFeature
        What rows know beside their items.
    """

    unread_keys = ("n_layers", "n_heads", "inner_size", "attn_dropout_prob")

    @dataclass(frozen=True)
    class Settings:
        """Of the interests; the paper's values, of which routing is a choice."""

        routing: str = setting(
            "self_attention", one_of("self_attention", "dynamic"), "how rows become interests"
        )
        n_interests: int = setting(4, at_least(1), "K, vectors of a user")
        hidden_factor: int = setting(4, at_least(1), "self_attention: width of W1 over d")
        n_iterations: int = setting(3, at_least(1), "dynamic: rounds of routing")

        def idle(self) -> Dict[str, str]:
            """Return the setting of the other routing."""
            unread = {"self_attention": "n_iterations", "dynamic": "hidden_factor"}[self.routing]
            return {unread: f"the routing {self.routing} does not read it"}

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        self.n_interests = settings.n_interests
        self.dropout = Dropout(sizes.dropout)
        self.routing: Union[SelfAttention, DynamicRouting]
        if settings.routing == "dynamic":
            self.routing = DynamicRouting(settings, sizes, features)
        else:
            self.routing = SelfAttention(settings, sizes, features)

    def reset_parameters(self, std: float) -> None:
        """Begin with embeddings of this standard deviation, and the rest as the authors' code."""
        initialise(self, std)
        self.routing.reset_parameters()

    def forward(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Encode item embeddings (B, W, d) and row features into interests (B, W, K, d)."""
        length = items.shape[1]
        may_read = torch.ones(1, length, length, dtype=torch.bool, device=items.device).tril()
        interests: torch.Tensor = self.routing(self.dropout(items), rows, may_read)
        return interests

    def at(self, items: torch.Tensor, rows: Rows, place: torch.Tensor) -> torch.Tensor:
        """Return the interests at one place (B,) of each window alone, (B, K, d)."""
        may_read = up_to(place, items.shape[1]).squeeze(1)
        interests: torch.Tensor = self.routing(self.dropout(items), rows, may_read)
        return interests.squeeze(1)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return what the interests are multiplied with, of item embeddings (n, d): themselves."""
        return items


class SelfAttention(nn.Module):
    """``V = A H``, ``A = softmax over the rows of W2 tanh(W1 (H + P + T))``.

    H are the items, P their places and T their row features: these weigh the items and are no part
    of the interests. An interest is a mean of the items that it reads.
    """

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        width = settings.hidden_factor * sizes.hidden_size
        self.tokens = Tokens(POSITIONS.choose("learned", "position"), sizes, features)
        self.hidden = nn.Linear(sizes.hidden_size, width)
        self.score = nn.Linear(width, settings.n_interests, bias=False)

    def reset_parameters(self) -> None:
        """Begin with weights as Glorot and Bengio (2010) draw them."""
        nn.init.xavier_uniform_(self.hidden.weight)
        nn.init.xavier_uniform_(self.score.weight)

    def forward(self, items: torch.Tensor, rows: Rows, may_read: torch.Tensor) -> torch.Tensor:
        """Return interests.

        Parameters
        ----------
        items : (B, W, d)
        rows : Rows
        may_read : (B or 1, Q, W) bool
            Which rows each of Q places reads; one at least.

        Returns
        -------
        (B, Q, K, d)
        """
        return self.mixed(items, self.tokens(items, rows), may_read)

    def mixed(
        self, items: torch.Tensor, tokens: torch.Tensor, may_read: torch.Tensor
    ) -> torch.Tensor:
        """Return interests of items (B, W, d) that their tokens (B, W, d) weigh; see `forward`."""
        score = self.score(torch.tanh(self.hidden(tokens)))  # (B, W, K)
        score = score.transpose(1, 2).unsqueeze(1)  # (B, 1, K, W)
        weights = score.masked_fill(~may_read.unsqueeze(2), -torch.inf).softmax(dim=3)
        n_places, n_interests = weights.shape[1:3]
        return (weights.flatten(1, 2) @ items).unflatten(1, (n_places, n_interests))


class DynamicRouting(nn.Module):
    """Capsules: rows vote for interests, and trust the interests that agree with their votes.

    The vote of row j for interest k is ``W_jk (h_j + t_j)``, with a matrix of its own for each
    place. Each round, the logits b of the softmax over the interests, from zero, grow by the
    product of vote and interest; the gradient passes the last round alone (Sabour et al., NeurIPS
    2017, for a window).
    """

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        size = sizes.hidden_size
        self.n_iterations = settings.n_iterations
        self.slots = Slots(features, size)
        self.transform = nn.Parameter(
            torch.empty(sizes.max_length, settings.n_interests, size, size)
        )

    def reset_parameters(self) -> None:
        """Begin with matrices of standard normal numbers."""
        nn.init.normal_(self.transform)

    def forward(self, items: torch.Tensor, rows: Rows, may_read: torch.Tensor) -> torch.Tensor:
        """Return interests; see `SelfAttention.forward`."""
        tokens, transform = self.slots(items, rows), self.transform[: items.shape[1]]
        votes = torch.einsum("bwd,wkcd->bkwc", tokens, transform)  # (B, K, W, d)
        fixed = votes.detach()
        n_places, (batch, n_interests, length, _) = may_read.shape[1], votes.shape
        logit = items.new_zeros(batch, n_places, n_interests, length)
        for _ in range(self.n_iterations - 1):
            interests = squash(_gathered(logit, may_read, fixed))
            logit = logit + torch.einsum("bqkd,bkwd->bqkw", interests, fixed)
        return squash(_gathered(logit, may_read, votes))


def _gathered(logit: torch.Tensor, may_read: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    """Sum votes (B, K, W, d) by the softmax over K of logits (B, Q, K, W), (B, Q, K, d)."""
    weights = logit.softmax(dim=2) * may_read.unsqueeze(2)
    return torch.einsum("bqkw,bkwd->bqkd", weights, votes)


def squash(vectors: torch.Tensor) -> torch.Tensor:
    """Shorten vectors (..., d) of length l to ``l^2 / (1 + l^2)``, below 1; 0 stays 0."""
    square = vectors.square().sum(dim=-1, keepdim=True)
    return vectors * square / (1 + square) * (square + 1e-9).rsqrt()
