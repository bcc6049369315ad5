"""The history encoder of GIMIRec (arXiv 2112.08717): interests of items that know their graph.

Only the abstract is known to us; every equation is our reading. It claims three parts: a weighted
co-occurrence graph of all users' histories makes global context embeddings by a simplified graph
convolution; the time gaps of the recent rows make them personal; self-attention makes interests of
them. Tests check what a graph of two groups does to embeddings, that gaps have a say, and that
without both it is ComiRec.
"""

import math
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional

import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import ABOVE_0, at_least, setting
from recbole_poem.core.stages import HISTORY_ENCODERS
from recbole_poem.encoders.history.comirec import SelfAttention
from recbole_poem.encoders.history.item_graph import ItemGraph
from recbole_poem.encoders.history.transformer import up_to
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.log.clock import Clock
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.row_features import RowFeature

_TIME = "time"
_SECONDS = 86400.0  # of a day
_OF_GRAPH = ("window", "hours", "per_user", "neighbours")


@HISTORY_ENCODERS.register("gimirec")
class GIMIRec(nn.Module):
    """K interests of items that know their neighbours in a graph, and of time gaps (GIMIRec).

    ``E_g = mean over k = 0..hops of A^k E``, with ``A = D^(-1/2) (W + I) D^(-1/2)`` and W the
    co-occurrences of `recbole_poem.graph.co_occurrence`. The token of a row is E_g of its item plus
    an MLP of the gaps to the rows before it, and its place. Interests are means of E_g, weighed by
    the tokens, as ComiRec's by self-attention: with gaps in the means, learning stalled.

    Items are scored by their embeddings E, which learn through E_g as well. Scores by E_g, as the
    abstract may also be read, were lower on the validation rows of one seed. The graph is one for
    all requests. Leave-one-out it knows training rows that came after a request, as the weights do;
    in a split by time it knows none.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    features : mapping of names to RowFeature
        What rows know beside their items; ``time`` is read where gaps are.

    Raises
    ------
    InputError
        If gaps are to be read and the rows have no ``time``.
    """

    unread_keys = ("n_layers", "n_heads", "inner_size", "attn_dropout_prob")

    @dataclass(frozen=True)
    class Settings:
        """Of the graph, the gaps and the interests; K = 4 as in ComiRec, the others are ours."""

        n_interests: int = setting(4, at_least(1), "K, vectors of a user")
        hidden_factor: int = setting(4, at_least(1), "width of W1 over d")
        hops: int = setting(2, at_least(0), "steps of the convolution; 0 = embeddings as they are")
        window: int = setting(3, at_least(1), "w, rows behind a row that co-occur with it")
        hours: float = setting(24, ABOVE_0, "T0, a pair that lies so far apart weighs 1/e")
        per_user: int = setting(1, at_least(1), "c, times that a user counts for a pair of items")
        neighbours: int = setting(50, at_least(1), "neighbours that an item keeps")
        gaps: int = setting(5, at_least(0), "rows before a row whose gaps to it are read; 0 = none")
        longest: float = setting(30, ABOVE_0, "days; longer gaps count as so long")

        def idle(self) -> Dict[str, str]:
            """Return the settings of the graph or of the gaps, where there is none of them."""
            graph = {} if self.hops else dict.fromkeys(_OF_GRAPH, "with hops: 0 no graph is read")
            gaps = {} if self.gaps else {"longest": "with gaps: 0 no gap is read"}
            return {**graph, **gaps}

    def __init__(self, settings: Any, sizes: Sizes, features: Mapping[str, RowFeature]) -> None:
        super().__init__()
        self.n_interests = settings.n_interests
        self.dropout = Dropout(sizes.dropout)
        self.item_graph = ItemGraph(settings.hops)
        self.gaps = None
        if settings.gaps:
            if _TIME not in features:
                raise InputError(
                    f"history_encoder.gaps: the gaps are those of the row feature '{_TIME}', which "
                    f"is not there; set row_features.{_TIME}: True, or history_encoder.gaps: 0"
                )
            self.gaps = Gaps(settings.gaps, settings.longest * _SECONDS, sizes.hidden_size)
            features = {name: each for name, each in features.items() if name != _TIME}
        self.attention = SelfAttention(settings, sizes, features)

    @staticmethod
    def graph_of(settings: Any, log: RequestLog, clock: Clock) -> Optional[sp.csr_matrix]:
        """Return A of a log's training rows; see `recbole_poem.encoders.history.KnowsItemGraph`."""
        if not settings.hops:
            return None
        # its room loads DGL, which takes seconds and is not needed to answer
        from recbole_poem.graph.co_occurrence import co_occurrences, with_loops

        user, item, time = (each[log.training] for each in (log.user, log.item, log.time))
        decay = settings.hours * clock.hour
        how = (settings.window, decay, settings.per_user, settings.neighbours)
        return with_loops(co_occurrences(user, item, time, log.n_items, *how))

    def know(self, graph: sp.csr_matrix) -> None:
        """Take A, (n_items, n_items)."""
        self.item_graph.know(graph)

    def reset_parameters(self, std: float) -> None:
        """Begin with embeddings and gaps of this standard deviation, and attention as ComiRec."""
        initialise(self, std)
        self.attention.reset_parameters()

    def table(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return E_g of the embeddings of all items, (n_items, d)."""
        found: torch.Tensor = self.item_graph(embedding)
        return found

    def forward(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Encode rows of E_g (B, W, d) and row features into interests (B, W, K, d)."""
        length = items.shape[1]
        may_read = torch.ones(1, length, length, dtype=torch.bool, device=items.device).tril()
        return self._interests(items, rows, may_read)

    def at(self, items: torch.Tensor, rows: Rows, place: torch.Tensor) -> torch.Tensor:
        """Return the interests at one place (B,) of each window alone, (B, K, d)."""
        may_read = up_to(place, items.shape[1]).squeeze(1)
        return self._interests(items, rows, may_read).squeeze(1)

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return what the interests are multiplied with, of item embeddings (n, d): themselves."""
        return items

    def _interests(self, items: torch.Tensor, rows: Rows, may_read: torch.Tensor) -> torch.Tensor:
        """Return the interests at Q places, (B, Q, K, d); see `SelfAttention.forward`."""
        items = self.dropout(items)
        tokens = self.attention.tokens(items, rows)
        if self.gaps is not None:
            tokens = tokens + self.gaps(rows[_TIME])
        return self.attention.mixed(items, tokens, may_read)


class Gaps(nn.Module):
    """An MLP of the gaps between a row and each of the r rows before it, by their logarithms.

    A gap of g seconds is ``log(1 + g) / log(1 + longest)``, 1 at most, and beside it stands a 1. A
    gap is not known, 0 and 0, where there is no such row, one of the times is 0, or time runs
    backwards.

    Parameters
    ----------
    number : int
        r, from 1.
    longest : float
        Seconds.
    size : int
        d.
    """

    def __init__(self, number: int, longest: float, size: int) -> None:
        super().__init__()
        self.number, self.longest = number, longest
        self.hidden = nn.Linear(2 * number, size)
        self.out = nn.Linear(size, size)

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        """Return what the gaps of rows say, (B, W, d).

        Parameters
        ----------
        time : (B, W) float64
            Seconds; 0 = not known.
        """
        recent = F.pad(time, (self.number, 0)).unfold(1, self.number + 1, 1)  # (B, W, r + 1)
        now, before = recent[..., -1:], recent[..., :-1]
        gap = now - before
        known = (now > 0) & (before > 0) & (gap >= 0)
        scaled = gap.clamp(0, self.longest).log1p() / math.log1p(self.longest)
        both = torch.cat([scaled * known, known], dim=-1).to(self.hidden.weight.dtype)
        said: torch.Tensor = self.out(F.relu(self.hidden(both)))
        return said
