"""What is said of a split: the rows of its parts, and those that are in none."""

import logging

import pandas as pd
import pytest

from recbole_poem.config import Config
from recbole_poem.data.preparation import data_preparation
from recbole_poem.experiment import create_dataset

#: users of 6, 4, 2 and 1 rows; a quarter of the rows has a low rating
LOG = pd.DataFrame(
    {
        "user_id": [*"aaaaaa", *"bbbb", *"cc", "d"],
        "item_id": [f"i{k}" for k in (1, 2, 3, 4, 5, 6, 1, 3, 5, 2, 4, 6, 7)],
        "rating": [5.0, 5, 1, 5, 5, 5, 5, 5, 5, 5, 5, 1, 5],
        "timestamp": range(13),
    }
)
WORDS = {
    "POEM": "split: 5 rows to learn from, 2 to validate, 2 to test; "
    "4 rows are the first of their user, which nothing predicts; 2 of 4 users have no row to test",
    "SASRec": "split: 5 rows to learn from, 2 to validate, 2 to test; "
    "4 rows are the first of their user, which nothing predicts; 2 of 4 users have no row to test",
    "BPR": "split: 8 rows to learn from, 2 to validate, 3 to test; "
    "1 of 4 users have no row to test",
}


def said(keys, model, caplog, **more):
    given = {**keys, "use_hard_negatives": False, "use_partial_order": False, **more}
    config = Config(model, config_dict={**given, "use_system_positives": False})
    with caplog.at_level(logging.INFO):
        data_preparation(config, create_dataset(config))
    [words] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("split: ")]
    return words


@pytest.mark.parametrize("model", WORDS)
def test_every_row_is_in_a_part_or_told(write_dataset, caplog, model):
    assert said(write_dataset(LOG), model, caplog) == WORDS[model]


def test_rows_that_are_no_targets_are_told(write_dataset, caplog):
    words = said(write_dataset(LOG), "POEM", caplog, positive_feedback={"rating": "[4,inf)"})
    assert "; 2 rows are no targets and history alone; " in words
