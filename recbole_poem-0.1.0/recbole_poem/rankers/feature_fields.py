"""Tables of users and items as embeddings: one module per kind of field, and a row's encoder.

A table is described by its fields alone (`Field`), so that a batch is made of row numbers and a
row that occurs many times in a batch is embedded once.
"""

from typing import Dict, List, NamedTuple, Sequence, Tuple, Type

import torch
from torch import nn

from recbole_poem.core.errors import InputError

#: Standard deviation of new embeddings: small beside the activations that follow.
INITIAL_SCALE = 0.05


class Field(NamedTuple):
    """One field of a table.

    Attributes
    ----------
    name : str
    kind : str
        A key of `FIELDS`, named as RecBole's feature types.
    values : (n_rows,) int64 for ``token``, (n_rows, L) int64 for ``token_seq``, (n_rows,) float
    for ``float``
        Tokens are >= 0 and 0 is none; a float is NaN where it is not known.
    """

    name: str
    kind: str
    values: torch.Tensor


class TokenField(nn.Module):
    """Embedding of one token per row; no token is the zero vector."""

    values: torch.Tensor

    def __init__(self, field: Field, size: int) -> None:
        super().__init__()
        _check_tokens(field, n_dimensions=1)
        self.register_buffer("values", field.values, persistent=False)
        self.embedding = embedding_of(field, size)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Embed table rows (U,) as (U, d)."""
        return self.embedding(self.values[rows])


class TokenSequenceField(nn.Module):
    """Mean embedding of the tokens of a row; no token is the zero vector."""

    values: torch.Tensor

    def __init__(self, field: Field, size: int) -> None:
        super().__init__()
        _check_tokens(field, n_dimensions=2)
        self.register_buffer("values", field.values, persistent=False)
        self.embedding = embedding_of(field, size)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Embed table rows (U,) as (U, d)."""
        tokens = self.values[rows]  # (U, L)
        return masked_average(self.embedding(tokens), tokens > 0)


class FloatField(nn.Module):
    """A learned direction times the number (`standardised`), a learned vector without one."""

    numbers: torch.Tensor
    known: torch.Tensor

    def __init__(self, field: Field, size: int) -> None:
        super().__init__()
        numbers, known = standardised(field)
        self.register_buffer("numbers", numbers.float(), persistent=False)
        self.register_buffer("known", known, persistent=False)
        self.direction = nn.Linear(1, size)
        self.missing = nn.Parameter(torch.randn(size) * INITIAL_SCALE)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Embed table rows (U,) as (U, d)."""
        embedded = self.direction(self.numbers[rows].unsqueeze(-1))
        return torch.where(self.known[rows].unsqueeze(-1), embedded, self.missing)


#: Kinds of fields by RecBole's names of feature types.
FIELDS: Dict[str, Type[nn.Module]] = {
    "token": TokenField,
    "token_seq": TokenSequenceField,
    "float": FloatField,
}


class TableEncoder(nn.Module):
    """Rows of a table as vectors: the embeddings of the fields side by side, projected.

    Parameters
    ----------
    fields : sequence of Field
        At least one, all of the same number of rows.
    embedding_size : int
        Of each field.
    hidden_size : int
        d, of the result.

    Raises
    ------
    InputError
        Naming the field, if a kind is not known, its values are not of its kind, the fields
        differ in length, or there are none.
    """

    def __init__(self, fields: Sequence[Field], embedding_size: int, hidden_size: int) -> None:
        super().__init__()
        if not fields:
            raise InputError("fields: users and items need at least one field each (the id)")
        encoders: List[nn.Module] = []
        for field in fields:
            if field.kind not in FIELDS:
                raise InputError(
                    f"field {field.name}: unknown kind '{field.kind}'; known: {', '.join(FIELDS)}"
                )
            if len(field.values) != len(fields[0].values):
                raise InputError(
                    f"field {field.name}: {len(field.values)} rows, where {fields[0].name} has "
                    f"{len(fields[0].values)}"
                )
            encoders.append(FIELDS[field.kind](field, embedding_size))
        self.fields = nn.ModuleList(encoders)
        self.projection = nn.Linear(len(fields) * embedding_size, hidden_size)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Encode table rows (...) as (..., d), each distinct row once."""
        distinct, position = rows.unique(return_inverse=True)  # (U,), (...)
        embedded = torch.cat([field(distinct) for field in self.fields], dim=-1)
        return self.projection(embedded)[position]


def standardised(field: Field) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers of a ``float`` field, and which are known: (n_rows,) float64 and bool.

    Counts of users and videos have heavy tails, so x enters as sign(x) log(1 + |x|), standardised
    over the known rows of the table. One that is not known is 0.

    Raises
    ------
    InputError
        If they are not one finite number or NaN a row.
    """
    values = field.values.double()
    if values.dim() != 1 or values.isinf().any():
        raise InputError(f"field {field.name}: a float is one finite number (or NaN) a row")
    known = ~values.isnan()
    told = compressed(values[known])
    numbers = torch.zeros_like(values)
    if len(told) > 0:
        deviation = told.std(unbiased=False)
        centred = told - told.mean()
        # a constant column differs from its mean by rounding errors alone
        numbers[known] = centred / deviation if deviation > 1e-9 else 0.0
    return numbers, known


def compressed(numbers: torch.Tensor) -> torch.Tensor:
    """Return sign(x) log(1 + |x|) of numbers x of any shape, whose tails are heavy."""
    return numbers.sign() * numbers.abs().log1p()


def masked_softmax(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Return the softmax of logits (..., L) over the L where `present` holds; 0 elsewhere."""
    # the lowest finite number: a row where nothing is present keeps finite gradients
    logits = logits.masked_fill(~present, torch.finfo(logits.dtype).min)
    return logits.softmax(dim=-1).masked_fill(~present, 0)


def masked_average(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average vectors (..., L, d) over the L where mask (..., L) holds; zero where none does."""
    total = (vectors * mask.unsqueeze(-1)).sum(dim=-2)
    return total / mask.sum(dim=-1, keepdim=True).clamp(min=1)


def _check_tokens(field: Field, n_dimensions: int) -> None:
    values = field.values
    if values.dtype != torch.int64 or values.dim() != n_dimensions:
        raise InputError(
            f"field {field.name}: a {field.kind} must be int64 of {n_dimensions} dimension(s), not "
            f"{values.dtype} of {values.dim()}"
        )
    if values.numel() == 0 or int(values.min()) < 0:
        raise InputError(f"field {field.name}: tokens must be there, and none below 0")


def embedding_of(field: Field, size: int) -> nn.Embedding:
    """Return a new embedding of the tokens of a field; no token is the zero vector."""
    embedding = nn.Embedding(int(field.values.max()) + 1, size, padding_idx=0)
    nn.init.normal_(embedding.weight, std=INITIAL_SCALE)
    with torch.no_grad():
        embedding.weight[0] = 0
    return embedding
