"""The evaluation of a ranker, against direct calls of the measures."""

from typing import Any

import numpy as np
import pytest
import torch
from toy_components import targets_of
from toy_exposures import TINY, TINY_NETWORK, exposure_log, write_exposures

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID, TASK_LABEL
from recbole_poem.data.ranking_dataset import ExposureDataLoader
from recbole_poem.rankers.measures import auc, gauc, mean_absolute_error, xauc
from recbole_poem.rankers.trainer import Predicted, measures, weighted_gauc
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

NAN = np.nan
CLICK, LIKE, FOLLOW, SECONDS = targets_of(
    {
        **{name: {"feedback": {name: "[1,1]"}} for name in ("click", "like", "follow")},
        "seconds": {"target": "watch_time"},
    }
)


def exposures(seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (60, 3)).astype(np.float32)
    labels[:, 2] = rng.integers(0, 9, 60)
    labels[rng.random(labels.shape) < 0.2] = NAN
    return rng.integers(0, 8, 60), labels, rng.random((60, 3)).astype(np.float32)


def predicted(users: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> Predicted:
    return Predicted(users, labels, scores, np.full(len(users), NAN))


def test_each_target_has_its_own_measures() -> None:
    users, labels, scores = exposures()
    of = predicted(users, labels[:, [0, 2, 1]], scores[:, [0, 2, 1]])
    assert measures([CLICK, SECONDS, LIKE], of) == {
        "gauc click": gauc(users, labels[:, 0], scores[:, 0]),
        "auc click": auc(labels[:, 0], scores[:, 0]),
        "mae seconds": mean_absolute_error(labels[:, 2], scores[:, 2]),
        "xauc seconds": xauc(labels[:, 2], scores[:, 2]),
        "gauc like": gauc(users, labels[:, 1], scores[:, 1]),
        "auc like": auc(labels[:, 1], scores[:, 1]),
    }


def test_what_is_undefined_is_left_out() -> None:
    users = np.array([1, 1, 2, 2])
    one_answer, unknown = [1, 1, 1, NAN], [NAN] * 4
    between_users, seconds = [1, 1, 0, 0], [3, 3, NAN, 3]
    labels = np.array([one_answer, unknown, between_users, seconds], np.float32).T
    targets = [CLICK, LIKE, FOLLOW, SECONDS]
    scores = np.tile(np.array([[0.5], [0.4], [0.3], [0.2]], np.float32), 4)
    found = measures(targets, predicted(users, labels, scores))
    assert found == {"auc follow": 1, "mae seconds": pytest.approx(3 - 1.1 / 3)}
    assert measures([SECONDS], predicted(users, labels[:, 1:2], scores[:, :1])) == {}
    assert np.isnan(weighted_gauc(targets, predicted(users, labels, scores)))


def test_targets_weigh_as_the_impressions_that_their_gauc_looks_at() -> None:
    users = np.array([1, 1, 1, 2, 2, 3, 3])
    click = [1, 0, 1, 0, 0, 1, 0]  # users 1 and 3: 5 impressions
    like = [NAN, NAN, NAN, 1, 0, 1, NAN]  # user 2: 2 impressions
    labels = np.array([click, like, [5.0] * 7], np.float32).T
    score = np.array([0.9, 0.5, 0.1, 0.2, 0.7, 0.6, 0.4], np.float32)
    scores = np.stack([score] * 3, axis=1)
    targets = [CLICK, LIKE, SECONDS]
    of_click = (3 * 0.5 + 2 * 1) / 5
    assert measures(targets, predicted(users, labels, scores))["gauc click"] == pytest.approx(
        of_click
    )
    assert measures(targets, predicted(users, labels, scores))["gauc like"] == 0
    expected = (5 * of_click + 2 * 0) / 7
    assert weighted_gauc(targets, predicted(users, labels, scores)) == pytest.approx(expected)
    # a target that no user has both answers for neither counts nor hurts
    alone = weighted_gauc(targets[:1], predicted(users, labels[:, :1], scores[:, :1]))
    with_one = np.c_[labels[:, :1], np.ones(7, np.float32)]
    assert weighted_gauc(targets[:2], predicted(users, with_one, scores[:, :2])) == alone


@pytest.fixture
def experiment(write_dataset: Any) -> Any:
    keys = {**write_exposures(write_dataset, exposure_log()), "train_batch_size": 9}
    return assemble(Config("MultiTaskRanker", config_dict={**keys, **TINY, "ranker": TINY_NETWORK}))


def test_a_loader_is_judged_as_a_whole_whatever_its_batches(experiment: Any) -> None:
    model = experiment.model
    trainer = get_trainer(experiment.config)(experiment.config, model)
    model.train()
    found = trainer.predict(experiment.test_data)
    model.eval()
    batches = list(experiment.test_data)
    assert len(batches) == 3
    rows = torch.cat([batch[REQUEST_ID] for batch in batches])
    order = rows.argsort()
    assert found.users.tolist() == torch.cat([b["user_id"] for b in batches])[order].tolist()
    labels = torch.cat([batch[TASK_LABEL] for batch in batches])[order].numpy()
    scores = torch.cat([model.predict_targets(b) for b in batches])[order].detach().numpy()
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)
    assert found.durations.tolist() == [5] * len(rows)  # the log has milliseconds
    result = trainer.evaluate(experiment.test_data, load_best_model=False)
    assert next(iter(result)) == "gauc"
    assert result.pop("gauc") == weighted_gauc(model.targets, found)
    assert result == measures(model.targets, found)


def test_nothing_to_evaluate_is_no_result_and_nothing_defined_is_an_error(experiment: Any) -> None:
    trainer = get_trainer(experiment.config)(experiment.config, experiment.model)
    assert trainer.evaluate(None, load_best_model=False) is None
    first_of_each = np.unique(experiment.dataset.log.user, return_index=True)[1] + 1
    loader = ExposureDataLoader(
        experiment.config, experiment.dataset, experiment.dataset.exposures, first_of_each
    )
    with pytest.raises(InputError, match=r"^targets: no user has evaluated .*\(split_by_time\)"):
        trainer.evaluate(loader, load_best_model=False)
