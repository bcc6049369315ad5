"""Two rows side by side by the length of the history: what becomes of those that are short.

python -m recbole_poem.benchmark.by_length RUN_A_SEED_1 RUN_A_SEED_2 --against RUN_B_SEED_1 ...

The lengths are read from the data set, which has to be where the runs found it.
"""

import argparse
import sys
from typing import List, NamedTuple, Optional, Sequence

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
from recbole_poem.core.errors import InputError

BEGINS = (1, 4, 10, 20)


class Part(NamedTuple):
    """The test rows whose histories have from `shortest` to `longest` rows; None = any more."""

    shortest: int
    longest: Optional[int]
    found: Difference


def by_length(
    one: Paths,
    other: Paths,
    metric: str = "NDCG@10",
    protocol: str = "masked",
    begins: Sequence[int] = BEGINS,
) -> List[Part]:
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
    list of Part
        Without those that have no test row.

    Raises
    ------
    InputError
        As `significance.compare`; or if `begins` is not ascending from 1, or the data set has
        other test rows than the runs.
    """
    if list(begins) != sorted(set(begins)) or not begins or begins[0] < 1:
        raise InputError(f"lengths: expected ascending whole numbers from 1, not {list(begins)}")
    pairs, rows = paired_rows(one, other, metric, protocol)
    found = []
    for shortest, beyond in zip(begins, [*begins[1:], None]):
        of_part = rows.length >= shortest
        if beyond is not None:
            of_part &= rows.length < beyond
        if of_part.any():
            found.append(Part(shortest, beyond and beyond - 1, difference_of(pairs, of_part)))
    return found


def main(arguments: Optional[List[str]] = None) -> int:
    """Read the command line, print the comparison, and return the exit status: 0, or 2."""
    parser = parser_of(
        "recbole_poem.benchmark.by_length",
        "Compare two rows of a benchmark by the length of the history.",
    )
    parser.add_argument(
        "--lengths",
        nargs="+",
        type=int,
        default=list(BEGINS),
        metavar="N",
        help="shortest history of each part (default: 1 4 10 20)",
    )
    given = parser.parse_args(arguments)
    return exit_status(lambda: _print(given))


def _print(given: argparse.Namespace) -> int:
    sides = sides_of(given)
    parts = by_length(*sides, given.metric, given.protocol, given.lengths)
    print_parts(given, sides, [(_name(part), part.found) for part in parts])
    return 0


def _name(part: Part) -> str:
    if part.longest is None:
        return f"{part.shortest} or more"
    return f"{part.shortest} to {part.longest}"


if __name__ == "__main__":
    sys.exit(main())
