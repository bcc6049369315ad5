"""Two rows side by side by the length of the history: what becomes of those that are short.

The lengths are read from the data set, which has to be where the runs found it.
"""

from typing import Dict, Optional, Sequence

from recbole_poem.benchmark.parts import difference_of, paired_rows
from recbole_poem.benchmark.sides import Side
from recbole_poem.benchmark.significance import Difference
from recbole_poem.core.errors import InputError

BEGINS = (1, 4, 10, 20)


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
        The shortest history of each part, ascending, from 1. Lengths are of what the model of the
        first run reads, at most ``MAX_ITEM_LIST_LENGTH``.

    Returns
    -------
    dict
        From words such as ``1 to 3`` and ``20 or more``; without parts that have no test row.

    Raises
    ------
    InputError
        As `significance.compare`; or if `begins` is not ascending from 1, or the data set has
        other test rows than the runs.
    """
    if list(begins) != sorted(set(begins)) or not begins or begins[0] < 1:
        raise InputError(f"lengths: expected ascending whole numbers from 1, not {list(begins)}")
    pairs, rows = paired_rows(one, other, metric, protocol)
    found = {}
    for shortest, beyond in zip(begins, [*begins[1:], None]):
        of_part = rows.length >= shortest
        if beyond is not None:
            of_part &= rows.length < beyond
        if of_part.any():
            found[_words(shortest, beyond)] = difference_of(pairs, of_part)
    return found


def _words(shortest: int, beyond: Optional[int]) -> str:
    return f"{shortest} or more" if beyond is None else f"{shortest} to {beyond - 1}"
