"""Two rows side by side on targets that are new to their users, and on those that are not.

Where seen items are ranked last, a target that was seen is the one of them that stays where the
model puts it, or nobody could find it: whoever gives seen items high scores finds it first, though
no list that leaves seen items out has it. Of new targets the protocol says what a list is worth.
What was seen is read from the data set, which has to be where the runs found it.
"""

from typing import Dict

from recbole_poem.benchmark.parts import difference_of, paired_rows
from recbole_poem.benchmark.sides import Side
from recbole_poem.benchmark.significance import Difference


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
        As `significance.compare`; or if the data set has other test rows than the runs.
    """
    pairs, rows = paired_rows(one, other, metric, protocol)
    parts = {"new": rows.is_new, "seen": ~rows.is_new}
    return {name: difference_of(pairs, part) for name, part in parts.items() if part.any()}
