"""Pop counts training rows, whatever the batches and the negatives are."""

import numpy as np
import pytest

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble


@pytest.mark.parametrize("batch", [7, 2048])
def test_it_counts_the_training_rows_of_each_item(batch: int) -> None:
    keys = {"train_batch_size": batch, "show_progress": False, "state": "ERROR"}
    run = assemble(Config("Pop", "ml-100k", config_dict=keys))
    for interaction in list(run.train_data)[:3]:
        assert run.model.calculate_loss(interaction).item() == 0
    rows = run.train_data.dataset.inter_feat["item_id"].numpy()
    counts = np.bincount(rows, minlength=run.dataset.item_num)
    assert run.model.item_cnt[:, 0].tolist() == counts.tolist()
    assert run.model.max_cnt.item() == counts.max()
