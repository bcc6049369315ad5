"""What a run says of itself at its start."""

from types import SimpleNamespace
from typing import Any

import pytest

from recbole_poem.training.config import Config
from recbole_poem.training.words import model_words, protocol_words

_MODEL: Any = SimpleNamespace(parameters=list)


def test_the_protocol_is_said_with_what_the_epochs_count_down() -> None:
    keys = {"topk": [5, 10], "metrics": ["NDCG"], "valid_metric": "NDCG@10", "epochs": 7}
    config = Config("GRU4Rec", "ml-100k", config_dict={**keys, "stopping_step": 3})
    assert protocol_words(config) == (
        "all items are ranked, also those that the user had before (--mask_seen=True ranks them "
        "last); NDCG @ 5, 10; NDCG@10 of the validation rows ends training, 7 epochs at most, "
        "patience 3 (evaluations without a better one, and one more ends it)"
    )


@pytest.mark.parametrize(
    ("model", "chosen"), [("POEM", "; chosen: grouping.n_groups=3"), ("GRU4Rec", "")]
)
def test_only_stages_of_the_model_are_chosen(model: str, chosen: str) -> None:
    config = Config(model, "ml-100k", config_dict={"grouping.n_groups": 3})
    assert model_words(config, _MODEL).endswith(f"0 parameters on {config['device']}{chosen}")
