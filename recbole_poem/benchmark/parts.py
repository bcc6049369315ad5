"""Two rows side by side on parts of the test rows, which the data set tells apart.

The data set has to be where the runs found it.
"""

import argparse
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np
import pandas as pd
import torch

from recbole_poem.benchmark.report.document import number, p_equation, percent
from recbole_poem.benchmark.results import PROTOCOLS
from recbole_poem.benchmark.sides import Pairs, Paths, over, paired_values, runs_of_side, title_of
from recbole_poem.benchmark.significance import Difference, difference
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset


class RankedRows(NamedTuple):
    """What the data set says of R test rows, in the order of stored ranks.

    Attributes
    ----------
    user, target : (R,) str
        Raw tokens.
    length : (R,) int64
        Of the history that the model of a run reads, at most ``MAX_ITEM_LIST_LENGTH``.
    is_new : (R,) bool
        Whether the user had not dealt with the target before.
    """

    user: np.ndarray
    target: np.ndarray
    length: np.ndarray
    is_new: np.ndarray


def paired_rows(one: Paths, other: Paths, metric: str, protocol: str) -> Tuple[Pairs, RankedRows]:
    """Read both sides, as `significance.compare` does, and what is known of their test rows.

    Raises
    ------
    InputError
        As `significance.compare`; or if the data set has other test rows than the runs.
    """
    pairs = paired_values(one, other, metric, protocol)
    run = runs_of_side(one)[0]
    rows = _test_rows(run.record)
    if not (np.array_equal(rows.user, pairs.user) and np.array_equal(rows.target, pairs.target)):
        raise InputError(
            f"{run.folder}: the test rows of {run.record['dataset']} are others now than those "
            "that were ranked; is it the same data set?"
        )
    return pairs, rows


def difference_of(pairs: Pairs, part: np.ndarray) -> Difference:
    """Test the difference of two rows on the test rows of a part, (R,) bool."""
    return difference(pairs.user[part], pairs.one[part], pairs.other[part])


def _test_rows(record: Dict[str, Any]) -> RankedRows:
    keys = laid(*record.get("config_files", []), record["given"])
    config = Config("POEM", record["dataset"], config_dict=keys)
    test = create_dataset(config).build()[2]
    rows = test[torch.arange(len(test))]
    fields = (test.uid_field, test.iid_field)
    user, target = (test.id2token(field, rows[field]).astype(str) for field in fields)
    seen = pd.DataFrame({"user": test.log.user, "item": test.log.item}).duplicated().to_numpy()
    order = np.lexsort((target, user))
    length = rows[config["ITEM_LIST_LENGTH_FIELD"]].numpy()
    is_new = ~seen[rows[REQUEST_ID].numpy()]
    return RankedRows(*(column[order] for column in (user, target, length, is_new)))


def parser_of(module: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a command that compares two rows by parts."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=f"{description} It reads the data set of the runs: call it where they ran.",
    )
    parser.add_argument("run", nargs="+", help="folders of A's runs, one of each seed")
    parser.add_argument("--against", nargs="+", metavar="RUN", required=True, help="those of B")
    parser.add_argument(
        "--metric", default="NDCG@10", help="HR@k, NDCG@k or MRR@k (default: NDCG@10)"
    )
    parser.add_argument(
        "--protocol", default="masked", choices=PROTOCOLS, help="seen items (default: masked)"
    )
    return parser


def sides_of(given: argparse.Namespace) -> Tuple[List[str], List[str]]:
    """Return the folders that a command line names, of runs that are over."""
    return over(given.run), over(given.against)


def print_parts(
    given: argparse.Namespace,
    sides: Tuple[Sequence[str], Sequence[str]],
    parts: Iterable[Tuple[str, Difference]],
) -> None:
    """Print the parts, each with its name, below what they are parts of."""
    one, other = map(title_of, sides)
    print(f"{given.metric.upper()}, {given.protocol}: {one} against {other}")
    for name, found in parts:
        print(
            f"{name:>10}: {found.n_rows:>7,} rows, {number(found.one_mean)} against "
            f"{number(found.other_mean)} ({percent(found.relative)}, {p_equation(found.p)})"
        )
