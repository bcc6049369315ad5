"""What is not a number any more: a training that has run away is ended, and nothing is judged."""

from typing import Any

import torch

from recbole_poem.core.errors import InputError


def refuse_nan(values: torch.Tensor, what: str, rate: Any) -> None:
    """Refuse values of which one is not a number.

    Parameters
    ----------
    values : tensor
    what : str
        What they are, for the words of the error.
    rate : float
        The learning rate.

    Raises
    ------
    InputError
        If there is such.
    """
    if bool(torch.isnan(values).any()):
        raise InputError(
            f"learning_rate: {what} is not a number any more; {rate} may be too large, or a column "
            "holds values that are far from all others"
        )
