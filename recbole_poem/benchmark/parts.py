"""Two rows side by side on parts of the test rows, which the data set tells apart.

The data set has to be where the runs found it.
"""

from typing import Any, Dict, NamedTuple, Tuple

import numpy as np
import pandas as pd
import torch

from recbole_poem.benchmark.sides import Pairs, Side, paired_values
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


def paired_rows(one: Side, other: Side, metric: str, protocol: str) -> Tuple[Pairs, RankedRows]:
    """Read both sides, as `significance.compare` does, and what is known of their test rows.

    Raises
    ------
    InputError
        As `significance.compare`; or if the data set has other test rows than the runs.
    """
    pairs = paired_values(one, other, metric, protocol)
    run = one[0]
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
