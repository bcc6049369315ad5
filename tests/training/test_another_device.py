"""On a device that is not the CPU all that meets is of that device, and the numbers are the same.

No noise is drawn where the model computes: another device has another stream.
"""

from contextlib import nullcontext
from typing import Any, ContextManager, Dict, List

import numpy as np
import pytest
import torch
from conftest import random_log
from toy_device import OTHER, TwoDevicesError, another_device
from toy_training import losses_of

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

CPU = torch.device("cpu")
SMALL = {
    "MAX_ITEM_LIST_LENGTH": 6,
    "hidden_size": 8,
    "inner_size": 8,
    "train_batch_size": 60,
    "ranking_source.n_candidates": 8,
    "grouping.n_groups": 2,
    "epochs": 1,
    "topk": [3],
    "valid_metric": "NDCG@3",
    "hidden_dropout_prob": 0.0,
    "attn_dropout_prob": 0.0,
}
NO_NOISE = {"history_encoder.item_dropout": 0.0}


class _Autocast:
    """Nothing: torch knows no automatic precision of the other device."""

    def __init__(self, device_type: str, enabled: bool) -> None:
        assert not enabled

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def trained(keys: Dict[str, Any], device: torch.device) -> List[float]:
    """Train one epoch on a device and evaluate; return the parts of the loss, and the metrics."""
    config = Config(config_dict=keys)
    config["device"] = device
    there: ContextManager[Any] = another_device() if device == OTHER else nullcontext()
    with there:
        experiment = assemble(config)
        trainer = get_trainer(config)(config, experiment.model)
        told = losses_of(trainer)
        trainer.fit(experiment.train_data, experiment.valid_data, saved=False)
        found = trainer.evaluate(experiment.test_data, load_best_model=False)
    assert next(experiment.model.parameters()).device == device
    return [*told, *found.values()]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(NO_NOISE, id="best"),
        pytest.param({**NO_NOISE, "preset": "umre"}, id="umre"),
        pytest.param({**NO_NOISE, "rerankers": "reloop2"}, id="reloop2"),
        *(
            pytest.param({"preset": name}, id=name)
            for name in ("rote", "fair", "hstu", "gimirec", "sqn")
        ),
        pytest.param({"model": "SASRec", "train_neg_sample_args": None}, id="SASRec"),
    ],
)
def test_a_model_trains_there_as_on_the_cpu(
    write_dataset: Any, monkeypatch: pytest.MonkeyPatch, more: Dict[str, Any]
) -> None:
    monkeypatch.setattr("torch.autocast", _Autocast)
    log = random_log(2, n_users=40, n_items=25, ties=False, longest=20)
    keys = {**write_dataset(log), **SMALL, "model": "POEM", "state": "ERROR", **more}
    np.testing.assert_allclose(trained(keys, OTHER), trained(keys, CPU), rtol=1e-5)


class TestTheDevice:
    """What stands in for a device says what CUDA would."""

    def test_two_devices_do_not_meet(self) -> None:
        with another_device():
            there = torch.arange(6.0, device=OTHER).view(2, 3)
            with pytest.raises(TwoDevicesError, match=r"a tensor of the CPU, \(3,\), meets those"):
                there + torch.ones(3)
            with pytest.raises(TwoDevicesError, match="a generator of the CPU draws for meta"):
                torch.rand(3, device=OTHER, generator=torch.Generator())
            with pytest.raises(RuntimeError, match="numpy"):
                there.numpy()

    def test_what_cuda_takes_is_taken_and_the_numbers_are_right(self) -> None:
        with another_device():
            there = torch.arange(6.0, device=OTHER).view(2, 3)
            assert there.device == OTHER
            assert (there + torch.tensor(1.0)).tolist() == [[1, 2, 3], [4, 5, 6]]
            assert there[torch.tensor([1])].cpu().tolist() == [[3, 4, 5]]
            assert torch.tensor([2.0], device=OTHER).item() == there.new_tensor(2).item() == 2
            layer = torch.nn.Linear(3, 1).to(OTHER)
            layer(there).sum().backward()
            assert layer.weight.grad.tolist() == [[3, 5, 7]]
