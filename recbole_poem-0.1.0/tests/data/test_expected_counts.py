"""The counts of a data set against those of a published table."""

from typing import Any

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset


def test_the_counts_after_the_filters_are_compared(write_dataset: Any) -> None:
    log = random_log(0, n_users=30, n_items=12, longest=20)
    size = log.groupby("user_id")["item_id"].transform("size")
    left = log[size >= 5]
    counts = {"users": left["user_id"].nunique(), "interactions": len(left)}
    keys = {**write_dataset(log), "user_inter_num_interval": "[5,inf)"}
    for model in ("POEM", "BPR"):
        create_dataset(Config(model, config_dict={**keys, "expected_counts": counts}))
        wrong = {**counts, "interactions": len(left) + 1}
        with pytest.raises(
            InputError, match=rf"toy should have {len(left) + 1:,} interactions .*{len(left):,} int"
        ):
            create_dataset(Config(model, config_dict={**keys, "expected_counts": wrong}))


def test_a_count_of_something_else_is_refused(write_dataset: Any) -> None:
    keys = write_dataset(random_log(0))
    with pytest.raises(InputError, match="expected_counts: expected a mapping of users, items"):
        Config("POEM", config_dict={**keys, "expected_counts": {"rows": 3}})
