"""How alike what a user deals with is: diversity@10 of the last ten items instead of a list of ten.

What a recommender's lists are held against: the measure of the reports (the share of pairs that
share no category) is taken of each user's last ten different items, of all rows of the log and of
those that are to be predicted.
"""

from typing import Any, Dict

import measure
import numpy as np

from recbole_poem.benchmark.ranking import diversity
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.data.categories import read_categories
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

K = 10


def last_items(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Return the last `K` different items of each user who has so many, (U, K).

    Rows (R,) are sorted by user and time.
    """
    pair = np.stack([user, item])[:, ::-1]
    _, newest = np.unique(pair, axis=1, return_index=True)
    user, item = pair[:, np.sort(newest)]  # the newest row of each pair, the newest first
    begin = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    place = np.arange(len(user)) - np.repeat(begin, np.diff(np.r_[begin, len(user)]))
    enough = np.bincount(user)[user] >= K
    return item[enough & (place < K)].reshape(-1, K)


def main() -> None:
    """Measure what was consumed of one data set."""
    parser = measure.parser(__doc__)
    parser.add_argument("dataset", help="whose category_field is set")
    options = parser.parse_args()
    config = Config("POEM", options.dataset)
    dataset = create_dataset(config)
    category = read_categories(config, dataset)
    if category is None:
        raise InputError(f"category_field: {options.dataset} names none")
    splits = dataset.build()
    log = splits[0].log
    targets = np.concatenate([split.inter_feat[REQUEST_ID].numpy() for split in splits])
    rows = {"all": np.arange(len(log)), "to_predict": np.sort(targets)}
    found: Dict[str, Any] = {"dataset": options.dataset}
    for name, of in rows.items():
        lists = last_items(log.user[of], log.item[of])
        values = diversity(lists, category, K)
        found[name] = {"users": len(lists), f"diversity@{K}": float(values.mean())}
    measure.record(f"consumed_diversity_{options.dataset}", found, options.quick)


if __name__ == "__main__":
    measure.main(globals())
