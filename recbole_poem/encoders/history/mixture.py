"""The history encoder whose states are made of the history's own item embeddings."""

from dataclasses import dataclass
from typing import Any, Mapping, Optional, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout, attention
from recbole_poem.core.settings import ABOVE_0, PROBABILITY, setting
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.history.transformer import Transformer, up_to
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.log.row_features import RowFeature


@HISTORY_ENCODERS.register("mixture")
class Mixture(Transformer):
    """A weighted mean of the history's own item embeddings, scored by the cosine (after CORE).

    ``h = m / (tau |m|) + g * s``, ``m = sum_j a_j e_j`` and ``a = softmax_j(s . W k_j / sqrt(d))``,
    where s is the Transformer's state, k_j the token of row j (its item's embedding, and what its
    place and row features add), and g a learned vector from zero.
    The mean and the cosine are those of CORE (Hou et al., SIGIR 2022), whose weights know nothing
    of the asking state and which has no second term: what no mean of the history can say. Item
    embeddings of length 1 score, with a dropout.

    Parameters
    ----------
    settings, sizes, features
        See `Transformer`.
    """

    @dataclass(frozen=True)
    class Settings(Transformer.Settings):
        """Of the softmax over the items."""

        temperature: float = setting(0.07, ABOVE_0, "tau of the scores; CORE's value")
        item_dropout: float = setting(
            0.2, PROBABILITY, "dropout of the embeddings that score; CORE's value"
        )

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__(settings, sizes, features)
        self.temperature = settings.temperature
        self.item_dropout = Dropout(settings.item_dropout)
        self.key = nn.Linear(sizes.hidden_size, sizes.hidden_size, bias=False)
        self.gain = nn.Parameter(torch.zeros(sizes.hidden_size))
        self._all_weights = Dropout(0)

    def forward(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Encode item embeddings (B, W, d) and row features into states (B, W, 1, d)."""
        tokens = self.tokens(items, rows)
        return self._mixed(items, tokens, self._states(tokens, rows), None).unsqueeze(2)

    def at(self, items: torch.Tensor, rows: Rows, place: torch.Tensor) -> torch.Tensor:
        """Return the state at one place (B,) of each window alone, (B, 1, d)."""
        tokens, may_attend = self.tokens(items, rows), up_to(place, items.shape[1])
        state = self._state(tokens, rows, place, may_attend).unsqueeze(1)
        return self._mixed(items, tokens, state, may_attend)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return item embeddings (n, d) of length 1, some of their entries dropped in training."""
        return cast(torch.Tensor, self.item_dropout(F.normalize(items, dim=-1)))

    def _mixed(
        self,
        items: torch.Tensor,
        tokens: torch.Tensor,
        states: torch.Tensor,
        may_attend: Optional[torch.Tensor],
    ) -> torch.Tensor:
        asked = states @ self.key.weight  # s . W k = (s W) . k, of one state for many k
        query, key, value = (each.unsqueeze(1) for each in (asked, tokens, items))
        mean = attention(query, key, value, may_attend, self._all_weights).squeeze(1)
        return F.normalize(mean, dim=-1) / self.temperature + self.gain * states
