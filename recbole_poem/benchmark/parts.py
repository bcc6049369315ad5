"""Two rows side by side on parts of the test rows: by what the user had done before.

Where seen items are ranked last, a target that was seen is the one of them that stays where the
model puts it, or nobody could find it: whoever gives seen items high scores finds it first, though
no list that leaves seen items out has it. Of new targets the protocol says what a list is worth.
"""

from typing import Dict, Optional, Sequence

import numpy as np

from recbole_poem.benchmark.sides import Pairs, Side, paired_values
from recbole_poem.benchmark.significance import Difference, difference
from recbole_poem.core.errors import InputError

BEGINS = (1, 4, 10, 20)


def by_target(
    one: Side, other: Side, metric: str = "NDCG@10", protocol: str = "masked"
) -> Dict[str, Difference]:
    """Compare two rows, as `significance.compare` does, by whether the target is new.

    Parameters
    ----------
    one, other, metric, protocol
        Of `significance.compare`.

    Returns
    -------
    dict
        ``new`` and ``seen``, each where there are such test rows.

    Raises
    ------
    InputError
        As `significance.compare`; or if no run says what was seen.
    """
    pairs = paired_values(one, other, metric, protocol)
    seen = _recorded(one, pairs.seen)
    parts = {"new": ~seen, "seen": seen}
    return {name: _on(pairs, part) for name, part in parts.items() if part.any()}


def by_length(
    one: Side,
    other: Side,
    metric: str = "NDCG@10",
    protocol: str = "masked",
    begins: Sequence[int] = BEGINS,
) -> Dict[str, Difference]:
    """Compare two rows, as `significance.compare` does, on the test rows of each length.

    Parameters
    ----------
    one, other, metric, protocol
        Of `significance.compare`.
    begins : sequence of int
        The shortest history of each part, ascending, from 1. Lengths are of all that the user did
        before the test row, however much of it a model reads.

    Returns
    -------
    dict
        From words such as ``1 to 3`` and ``20 or more``; without parts that have no test row.

    Raises
    ------
    InputError
        As `significance.compare`; or if `begins` is not ascending from 1, or no run says how long
        the histories were.
    """
    if list(begins) != sorted(set(begins)) or not begins or begins[0] < 1:
        raise InputError(f"lengths: expected ascending whole numbers from 1, not {list(begins)}")
    pairs = paired_values(one, other, metric, protocol)
    length = _recorded(one, pairs.n_before)
    found = {}
    for shortest, beyond in zip(begins, [*begins[1:], None]):
        part = length >= shortest
        if beyond is not None:
            part &= length < beyond
        if part.any():
            found[_words(shortest, beyond)] = _on(pairs, part)
    return found


def _on(pairs: Pairs, part: np.ndarray) -> Difference:
    """Test the difference of two rows on the test rows of a part, (R,) bool."""
    return difference(pairs.user[part], pairs.one[:, part], pairs.other[:, part])


def _recorded(side: Side, column: Optional[np.ndarray]) -> np.ndarray:
    if column is None:
        raise InputError(
            f"{side[0].folder}: this run is of a former version, which did not keep what its users "
            "had done before; run it again"
        )
    return column


def _words(shortest: int, beyond: Optional[int]) -> str:
    if beyond is None:
        return f"{shortest} or more"
    return f"{shortest}" if beyond == shortest + 1 else f"{shortest} to {beyond - 1}"
