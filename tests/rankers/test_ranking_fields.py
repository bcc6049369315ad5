"""Known embeddings of each kind of field, and the errors that name a field."""

from typing import List, Tuple

import pytest
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.rankers.feature_fields import Field, FloatField, TableEncoder, TokenSequenceField

D, E = 6, 5  # hidden and embedding sizes
ROWS = torch.arange(3)


def test_no_token_is_the_zero_vector_and_several_are_averaged() -> None:
    tags = torch.tensor([[0, 0, 0], [2, 0, 0], [0, 1, 2]])
    field = TokenSequenceField(Field("tag", "token_seq", tags), E)
    embedded, table = field(torch.arange(3)), field.embedding.weight
    assert (embedded[0] == 0).all()
    assert torch.allclose(embedded[1], table[2])
    assert torch.allclose(embedded[2], (table[1] + table[2]) / 2)


def test_a_float_is_compressed_and_standardised_and_a_missing_one_has_a_vector_of_its_own() -> None:
    values = torch.tensor([torch.nan, 1 - torch.e, 0.0, torch.e**2 - 1, torch.nan])
    field = FloatField(Field("x", "float", values), E)
    known = (torch.tensor([-1.0, 0.0, 2.0]) - 1 / 3) / (14 / 9) ** 0.5  # mean 1/3, variance 14/9
    assert torch.allclose(field.numbers[1:4], known, atol=1e-6)
    embedded = field(torch.arange(5))
    assert torch.equal(embedded[0], field.missing)
    assert torch.equal(embedded[4], field.missing)
    line = field.direction.weight[:, 0] * known.unsqueeze(1) + field.direction.bias
    assert torch.allclose(embedded[1:4], line, atol=1e-6)


@pytest.mark.parametrize("value", [0.1, torch.nan])
def test_a_constant_or_unknown_column_is_finite(value: float) -> None:
    field = FloatField(Field("x", "float", torch.full((5,), value)), E)
    assert (field.numbers == 0).all()
    assert field(torch.arange(5)).isfinite().all()


def test_a_row_is_its_fields_side_by_side_projected_wherever_it_stands() -> None:
    fields = [Field("id", "token", ROWS), Field("x", "float", torch.tensor([1.0, 5.0, torch.nan]))]
    encoder = TableEncoder(fields, E, D)
    rows = torch.tensor([[2, 0], [2, 1]])
    for r, c in ((0, 0), (0, 1), (1, 0), (1, 1)):
        parts = torch.cat([field(rows[r, c].view(1)) for field in encoder.fields], dim=-1)
        assert torch.allclose(encoder(rows)[r, c], encoder.projection(parts)[0], atol=1e-6)


def test_padding_stays_the_zero_vector_while_the_rest_learns() -> None:
    encoder = TableEncoder([Field("id", "token", ROWS)], E, D)
    encoder(ROWS).square().sum().backward()
    gradient = encoder.fields[0].embedding.weight.grad
    assert (gradient[0] == 0).all()
    assert (gradient[1:] != 0).any(dim=1).all()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([], "at least one field"),
        ([("a", "image", ROWS)], "field a: unknown kind 'image'; known: token, token_seq, float"),
        ([("a", "token", ROWS), ("b", "token", ROWS[:2])], "field b: 2 rows, where a has 3"),
        ([("a", "token", ROWS.float())], "field a: a token must be int64"),
        ([("a", "token_seq", ROWS)], "field a: a token_seq must be int64 of 2 dimension"),
        ([("a", "token", ROWS - 1)], "field a: tokens must be there, and none below 0"),
        ([("a", "float", ROWS / 0)], "field a: a float is one finite number"),
    ],
)
def test_fields_that_do_not_fit_are_named(
    fields: List[Tuple[str, str, torch.Tensor]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        TableEncoder([Field(*field) for field in fields], E, D)
