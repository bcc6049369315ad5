"""Two rows side by side on targets that are new to their users, and on those that are not.

python -m recbole_poem.benchmark.by_target RUN_A_SEED_1 RUN_A_SEED_2 --against RUN_B_SEED_1 ...

Where seen items are ranked last, a target that was seen is the one of them that stays where the
model puts it, or nobody could find it: whoever gives seen items high scores finds it first, though
no list that leaves seen items out has it. Of new targets the protocol says what a list is worth.
What was seen is read from the data set, which has to be where the runs found it.
"""

import sys
from typing import Dict, List, Optional

from recbole_poem.benchmark.parts import (
    difference_of,
    paired_rows,
    parser_of,
    print_parts,
    sides_of,
)
from recbole_poem.benchmark.sides import Paths
from recbole_poem.benchmark.significance import Difference
from recbole_poem.cli.command import exit_status


def by_target(
    one: Paths, other: Paths, metric: str = "NDCG@10", protocol: str = "masked"
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


def main(arguments: Optional[List[str]] = None) -> int:
    """Read the command line, print the comparison, and return the exit status: 0, or 2."""
    parser = parser_of(
        "recbole_poem.benchmark.by_target",
        "Compare two rows of a benchmark on targets that are new to their users, and others.",
    )
    given = parser.parse_args(arguments)

    def compare() -> int:
        sides = sides_of(given)
        print_parts(given, sides, by_target(*sides, given.metric, given.protocol).items())
        return 0

    return exit_status(compare)


if __name__ == "__main__":
    sys.exit(main())
