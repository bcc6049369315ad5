"""What is known of a request before anything is shown: the tab, the device, the moment's signs.

A retrieval that reads what users did does not know it; a ranking stage does. Such columns are usual
inputs of rankers: Wide & Deep (Cheng et al., 2016, arXiv 1606.07792) reads the device. How they
enter is ours::

    c = W [e_1; ...; e_C] + b        e_j: the embedding of a token, or a direction times a number
    features = [c; c * candidate]

Embeddings begin at the scale of 1. New ones of users and items are twenty times smaller, and so
small a context would be lost in its products with candidates, which then learn nothing for long.

A column is one of ``.inter`` that stands at the request: what says what came of the row, or which
item was shown, is refused. All candidates of a request are scored with the values of its own row.
"""

from dataclasses import dataclass
from typing import Dict, List, Optional, Type

import torch
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import TEXT, different, list_of, setting
from recbole_poem.core.stages import RANKER_INPUTS
from recbole_poem.rankers.feature_fields import Field, compressed
from recbole_poem.rankers.inputs import Found, Known, States, nobody
from recbole_poem.rankers.ranking_requests import RankingRequests


@RANKER_INPUTS.register("request_context")
class RequestContext(nn.Module):
    """Reads columns of .inter that are known at the request, before anything is shown.

    Parameters
    ----------
    settings : RequestContext.Settings
    known : Known
    hidden_size : int
        d, of the states of items, and of the embedding of a column.
    """

    @dataclass(frozen=True)
    class Settings:
        """Which columns."""

        columns: Optional[List[str]] = setting(
            None,
            different(
                list_of(TEXT, "a list of columns of .inter that a request knows, such as [tab]")
            ),
            "token or float columns of .inter that stand before anything is shown",
        )

    def __init__(self, settings: "RequestContext.Settings", known: Known, hidden_size: int) -> None:
        super().__init__()
        self._names = [field.name for field in known.request_columns]
        self.columns = nn.ModuleList(
            _COLUMNS[field.kind](field, known, hidden_size) for field in known.request_columns
        )
        self.projection = nn.Linear(len(self.columns) * hidden_size, hidden_size)
        self.output_size = 2 * hidden_size

    def find(self, requests: RankingRequests) -> Found:
        """Find nobody."""
        return nobody(requests)

    def forward(self, requests: RankingRequests, states: States) -> torch.Tensor:
        """Make features of what is known, and of its products with the candidates, (R, N, 2 d).

        Raises
        ------
        InputError
            If the requests do not tell the columns.
        """
        if requests.context.shape[-1] != len(self.columns):
            raise InputError(
                f"ranker_input.request_context: the ranker reads {', '.join(self._names)} of each "
                "request, which is not told here; take a ranker without that input"
            )
        told = requests.context.unbind(dim=1)
        embedded = [column(values) for column, values in zip(self.columns, told)]
        context = self.projection(torch.cat(embedded, dim=-1)).unsqueeze(1)  # (R, 1, d)
        candidates = states.candidates
        return torch.cat([context.expand_as(candidates), context * candidates], dim=-1)


class TokenColumn(nn.Embedding):
    """Embeds the tokens of a column; no token is the zero vector.

    Parameters
    ----------
    field : Field
    known : Known
        Tokens of rows that are not for training keep what they begin with.
    size : int
        d.
    """

    def __init__(self, field: Field, known: Known, size: int) -> None:
        super().__init__(known.n_tokens(field.name), size, padding_idx=0)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Embed tokens (R,) as (R, d)."""
        return super().forward(values.long())


class NumberColumn(nn.Module):
    """A learned direction times sign(x) log(1 + |x|), and a learned vector where x is not known.

    It is standardised by the training rows that tell it.

    Parameters
    ----------
    field : Field
        The column at every row of the log, (R,).
    known : Known
    size : int
        d.
    """

    centre: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, field: Field, known: Known, size: int) -> None:
        super().__init__()
        told = compressed(field.values.double()[torch.from_numpy(known.log.training)])
        told = told[~told.isnan()]
        spread = told.std(unbiased=False) if len(told) else torch.ones(())
        self.register_buffer("centre", told.mean() if len(told) else torch.zeros(()))
        # a constant column differs from its mean by rounding errors alone
        self.register_buffer("deviation", spread if spread > 1e-9 else torch.ones_like(spread))
        self.direction = nn.Linear(1, size)
        self.missing = nn.Parameter(torch.randn(size))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Embed numbers (R,), NaN = not known, as (R, d)."""
        known = ~values.isnan()
        numbers = (compressed(values.nan_to_num()) - self.centre) / self.deviation
        embedded = self.direction(numbers.to(self.missing.dtype).unsqueeze(-1))
        return torch.where(known.unsqueeze(-1), embedded, self.missing)


#: a column's module by its kind
_COLUMNS: Dict[str, Type[nn.Module]] = {"token": TokenColumn, "float": NumberColumn}
