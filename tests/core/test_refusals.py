"""What RecBole's models refuse is a sentence; what the plugin's own do is a traceback."""

from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.core.refusals import refusals_named
from recbole_poem.models.poem import POEM
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.quick_start import run_recbole_poem


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=20, n_items=15, longest=12)
    return {**write_dataset(log), "epochs": 1, "topk": [5], "valid_metric": "MRR@5"}


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        (
            "SASRec",
            {"hidden_size": 33},
            "SASRec cannot be made: The hidden size .33. is not a multiple of the number of "
            r"attention heads .2. \(keys given to it: hidden_size: 33\)$",
        ),
        ("SASRec", {"hidden_act": "rellu"}, "cannot be made: hidden_act: it does not know 'rellu'"),
        ("DGCF", {"n_factors": 7}, "it asks for: assert self.embedding_size % self.n_factors == 0"),
        (
            "NAIS",
            {"pretrain_path": "no.pth"},
            "NAIS cannot be made: the file that it is to start from is no checkpoint of torch",
        ),
        ("NAIS", {"algorithm": "sum"}, r"just support attention type in \['concat', 'prod'\]"),
        ("NeuMF", {"mf_train": False, "mlp_train": False}, "NeuMF cannot train: mf_train and mlp"),
        ("NeuMF", {"train_neg_sample_args": None}, "NeuMF cannot train: it reads labels; name a"),
        (
            "DIN",
            {"train_neg_sample_args": None, "valid_metric": "AUC"},
            "DIN cannot train: it reads labels",
        ),
    ],
)
def test_what_recboles_models_refuse_is_a_sentence(
    keys: Dict[str, Any], model: str, change: Dict[str, Any], words: str
) -> None:
    Path("no.pth").write_text("weights")
    with pytest.raises(InputError, match=words) as caught:
        run_recbole_poem(model, config_dict={**keys, **change}, saved=False)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_defect_of_the_plugins_own_models_passes(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: POEM, interaction: Any) -> Any:
        return interaction["no such field"]

    monkeypatch.setattr(POEM, "calculate_loss", fail)
    with pytest.raises(KeyError, match="no such field"):
        run_recbole_poem(
            "POEM", config_dict={**keys, "ranking_source.n_candidates": 8}, saved=False
        )


def test_a_defect_of_the_plugin_under_recboles_models_passes(
    keys: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recbole_poem.training.trainer import PlainCollector

    def fail(self: PlainCollector, *data: Any) -> None:
        raise ValueError("ours")

    experiment = assemble(Config("BPR", config_dict=keys))
    monkeypatch.setattr("recbole_poem.training.collector.chain_of", fail)
    with pytest.raises(ValueError, match="ours"), refusals_named(experiment.config, "cannot"):
        experiment.evaluate()


def test_columns_and_negatives_that_a_batch_lacks_are_named(keys: Dict[str, Any]) -> None:
    config = Config("BPR", config_dict=keys)
    experiment = assemble(config)
    batch = next(iter(experiment.train_data))
    for field, words in (
        ("user_id", "BPR cannot train: it reads the column 'user_id', which is not loaded"),
        ("neg_item_id", "it reads 'neg_item_id'; write train_neg_sample_args: {distribution"),
    ):
        lacking = {name: batch[name] for name in batch.interaction if name != field}
        with pytest.raises(InputError, match=words), refusals_named(config, "cannot train"):
            experiment.model.calculate_loss(type(batch)(lacking))


def test_a_loss_that_is_no_number_is_a_sentence(keys: Dict[str, Any]) -> None:
    change = {"learning_rate": 1e30, "epochs": 3, "train_batch_size": 8}
    with pytest.raises(InputError, match=r"^learning_rate: the training loss is not a number"):
        run_recbole_poem("SASRec", config_dict={**keys, **change}, saved=False)
