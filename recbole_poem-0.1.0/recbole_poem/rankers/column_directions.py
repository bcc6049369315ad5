"""Random directions for what users' columns say: like columns, like directions."""

from typing import Callable, Dict, Sequence

import numpy as np
import torch

from recbole_poem.rankers.feature_fields import Field, masked_average, standardised


def column_directions(
    columns: Sequence[Field], n_users: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Add up the directions of what users' columns say.

    A token has a direction of its own, several have their mean, and a number is a length. What a
    user does not tell is 0.

    Parameters
    ----------
    columns : sequence of Field
        Of n_users rows each; may be none.
    n_users, size : int
    rng : Generator
        Draws the directions.

    Returns
    -------
    (n_users, size) float64
        Of variance 1 on average, or less, whatever the number of columns.
    """
    total = np.zeros((n_users, size))
    for field in columns:
        total += _DIRECTIONS[field.kind](field, size, rng)
    return total / max(len(columns), 1) ** 0.5


def _of_tokens(field: Field, size: int, rng: np.random.Generator) -> np.ndarray:
    return _token_directions(field, size, rng)[field.values].numpy()


def _of_token_sequences(field: Field, size: int, rng: np.random.Generator) -> np.ndarray:
    directions = _token_directions(field, size, rng)[field.values]  # (U, L, size)
    return masked_average(directions, field.values > 0).numpy()


def _of_numbers(field: Field, size: int, rng: np.random.Generator) -> np.ndarray:
    numbers, _ = standardised(field)
    return numbers.numpy()[:, None] * rng.normal(size=size)


def _token_directions(field: Field, size: int, rng: np.random.Generator) -> torch.Tensor:
    directions = torch.from_numpy(rng.normal(size=(int(field.values.max()) + 1, size)))
    directions[0] = 0
    return directions


#: from a column to the direction of each user, (n_users, size), by the kind of the column
_DIRECTIONS: Dict[str, Callable[[Field, int, np.random.Generator], np.ndarray]] = {
    "token": _of_tokens,
    "token_seq": _of_token_sequences,
    "float": _of_numbers,
}
