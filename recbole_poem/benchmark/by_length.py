"""Two rows side by side by the length of the history: what becomes of those that are short.

python -m recbole_poem.benchmark.by_length RUN_A_SEED_1 RUN_A_SEED_2 --against RUN_B_SEED_1 ...

The lengths are read from the data set, which has to be where the runs found it.
"""

import argparse
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from recbole_poem.benchmark.report.document import number, p_equation, percent
from recbole_poem.benchmark.results import PROTOCOLS
from recbole_poem.benchmark.sides import Paths, over, paired_values, runs_of_side, title_of
from recbole_poem.benchmark.significance import Difference, difference
from recbole_poem.command import exit_status
from recbole_poem.config import Config
from recbole_poem.errors import InputError
from recbole_poem.experiment import create_dataset

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
    pairs = paired_values(one, other, metric, protocol)
    run = runs_of_side(one)[0]
    user, target, length = _test_rows(run.record)
    if not (np.array_equal(user, pairs.user) and np.array_equal(target, pairs.target)):
        raise InputError(
            f"{run.folder}: the test rows of {run.record['dataset']} are others now than those "
            "that were ranked; is it the same data set?"
        )
    found = []
    for shortest, beyond in zip(begins, [*begins[1:], None]):
        of_part = length >= shortest if beyond is None else (length >= shortest) & (length < beyond)
        if of_part.any():
            values = (pairs.user[of_part], pairs.one[of_part], pairs.other[of_part])
            found.append(Part(shortest, beyond and beyond - 1, difference(*values)))
    return found


def _test_rows(record: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return user, target and length of history of each test row, in the order of stored ranks."""
    files = {key: value for file in record.get("config_files", []) for key, value in file.items()}
    config = Config("POEM", record["dataset"], config_dict={**files, **record["given"]})
    test = create_dataset(config).build()[2]
    rows = test[torch.arange(len(test))]
    fields = (test.uid_field, test.iid_field)
    user, target = (test.id2token(field, rows[field]).astype(str) for field in fields)
    order = np.lexsort((target, user))
    return user[order], target[order], rows[config["ITEM_LIST_LENGTH_FIELD"]].numpy()[order]


def main(arguments: Optional[List[str]] = None) -> int:
    """Read the command line, print the comparison, and return the exit status: 0, or 2."""
    parser = argparse.ArgumentParser(
        prog="python -m recbole_poem.benchmark.by_length",
        description="Compare two rows of a benchmark by the length of the history.",
    )
    parser.add_argument("run", nargs="+", help="folders of A's runs, one of each seed")
    parser.add_argument("--against", nargs="+", metavar="RUN", required=True, help="those of B")
    parser.add_argument(
        "--metric", default="NDCG@10", help="HR@k, NDCG@k or MRR@k (default: NDCG@10)"
    )
    parser.add_argument(
        "--protocol", default="masked", choices=PROTOCOLS, help="seen items (default: masked)"
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
    one, other = over(given.run), over(given.against)
    parts = by_length(one, other, given.metric, given.protocol, given.lengths)
    print(f"{given.metric.upper()}, {given.protocol}: {title_of(one)} against {title_of(other)}")
    for shortest, longest, found in parts:
        length = f"{shortest} or more" if longest is None else f"{shortest} to {longest}"
        print(
            f"{length:>10}: {found.n_rows:>7,} rows, {number(found.one_mean)} against "
            f"{number(found.other_mean)} ({percent(found.relative)}, {p_equation(found.p)})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
