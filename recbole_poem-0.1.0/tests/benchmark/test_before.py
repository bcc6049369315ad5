"""What users had done before their test rows: of every kind of model the same."""

from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest

from recbole_poem.benchmark.before import before
from recbole_poem.benchmark.evaluation import as_sequential, recommend
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

ITEMS = {"u1": [1, 2, 3, 4], "u2": [4, 2, 3, 3, 4], "u3": [1, 1, 2, 3], "u4": [3, 2, 5, 6, 2, 2]}
LATER = {"u5": [9, 7, 7, 8, 8, 7]}  # its last four rows are test rows in a split by time
TOP = {"topk": [2], "valid_metric": "NDCG@2"}
BY_TIME = {"split": {"split_by_time": {"valid": "1 seconds", "test": "3 seconds"}}, "order": "TO"}


def log(items: Dict[str, Any]) -> pd.DataFrame:
    user = np.repeat(list(items), list(map(len, items.values())))
    item = np.concatenate(list(items.values()))
    return pd.DataFrame({"user_id": user, "item_id": item, "timestamp": np.arange(len(user))})


@pytest.mark.parametrize("more", [{}, {"positive_feedback": {"timestamp": "[0,inf)"}}])
@pytest.mark.parametrize("model", ["POEM", "GRU4Rec", "BPR"])
@pytest.mark.parametrize(
    ("items", "split", "expected"),
    [
        (ITEMS, {}, [("u1", "4", False, 3), ("u2", "4", True, 4), ("u3", "3", False, 3),
                     ("u4", "2", True, 5)]),
        ({**ITEMS, **LATER}, {"eval_args": BY_TIME},
         [("u5", "7", True, 2), ("u5", "7", True, 5), ("u5", "8", False, 3), ("u5", "8", True, 4)]),
    ],
)  # fmt: skip
def test_what_came_before_is_of_the_log(
    write_dataset: Any, model: str, more: Any, items: Any, split: Any, expected: Any
) -> None:
    if model == "POEM":
        more = {**more, "ranking_source": {"name": "item_to_item", "folds": 2}}
    keys = {**write_dataset(log(items)), "MAX_ITEM_LIST_LENGTH": 3, "mask_seen": True, **TOP}
    experiment = assemble(Config(model, config_dict={**keys, **split, **more}))
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    found = recommend(trainer, experiment.test_data, k=2)
    tested = experiment.test_data._dataset
    if model == "BPR":
        found = as_sequential(found, experiment.dataset, tested, "test")
    known = before(found.user, found.target, experiment.dataset, tested)
    rows = zip(found.user.tolist(), found.target.tolist(), known.seen.tolist(), known.n_rows)
    assert list(rows) == expected
