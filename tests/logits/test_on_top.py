"""Terms on top of RecBole's models: scores as a slow reference has them, and who is refused."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_log
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.settings import ABOVE_0, setting
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.logits.scoring import Calendar
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import Experiment, assemble
from recbole_poem.training.quick_start import load, run_recbole_poem

TREND, HOUR = "logit_terms.popularity_trend", "logit_terms.hour_of_day"
BY_TIME = {
    "split": {"split_by_time": {"valid": "1 days", "test": "last 1 days"}},
    "order": "TO",
    "mode": "full",
}


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    """A log of eight days; a model whose batches are whole."""
    log = random_log(1, n_users=40, n_items=25, longest=20, ties=False)
    since = log["timestamp"] - log["timestamp"].min()
    log = log.assign(timestamp=1.6e9 + since * 8 * 86400 / since.max())
    small = {"MAX_ITEM_LIST_LENGTH": 6, "hidden_size": 8, "inner_size": 8, "embedding_size": 8}
    more = {"topk": [3], "valid_metric": "NDCG@3", "train_neg_sample_args": None}
    return {**write_dataset(log), **small, **more, "metrics": ["NDCG", "Hit"], "epochs": 1}


def made(keys: Dict[str, Any], **more: Any) -> Experiment:
    return assemble(Config(config_dict={**keys, **more}))


def scores_of(experiment: Experiment) -> torch.Tensor:
    """Score the catalogue for all test rows, as the trainer asks for it."""
    (batch, *_), model = next(iter(experiment.test_data)), experiment.model.eval()
    with torch.no_grad():
        return model.full_sort_predict(batch).view(len(batch), -1)


def counted(items: Any, n_items: int) -> np.ndarray:
    return np.bincount(items, minlength=n_items)


def reference(log: Any, request: int, windows: List[float], weights: List[float]) -> np.ndarray:
    """Sum the trends of one request, step by step of a day, by the definition."""
    time, item, n = log.time[log.training], log.item[log.training], log.n_items
    begin = np.nextafter(time.max(), np.inf)
    while begin > log.time[request]:
        begin -= 86400
    total = np.zeros(n)
    if begin <= time.min():
        return total
    share = (counted(item[time < begin], n) + 1) / ((time < begin).sum() + n)
    for window, weight in zip(windows, weights):
        lately = (time < begin) & (time >= begin - window * 3600)
        found = counted(item[lately], n) + n * share
        total += weight * np.log(found / ((lately.sum() + n) * share))
    total[0] = 0
    return total


@pytest.mark.parametrize("split", ["leave-one-out", "by time"])
@pytest.mark.parametrize("model", ["SASRec", "GRU4Rec"])
@pytest.mark.parametrize("masks", [False, True])
def test_scores_are_those_of_the_model_and_the_weighted_trends(
    keys: Dict[str, Any], model: str, split: str, masks: bool
) -> None:
    keys.update(model=model, mask_seen=masks, lazy_sequences=masks)
    if split == "by time":
        keys["eval_args"] = BY_TIME
    windows, weights = [30.0, 5.0], [0.7, 2.0]
    plain = scores_of(made(keys))
    none = scores_of(made(keys, **{TREND: {"hours": windows, "weights": [0, 0]}}))
    assert torch.equal(none, plain)
    experiment = made(keys, **{TREND: {"hours": windows, "weights": weights}})
    data = experiment.test_data._dataset
    expected = [reference(data.log, r, windows, weights) for r in data.inter_feat[REQUEST_ID]]
    added = scores_of(experiment) - plain
    torch.testing.assert_close(added.double(), torch.tensor(np.array(expected)), atol=1e-5, rtol=0)
    assert np.abs(expected).max() > 0.1


def test_a_single_item_is_scored_as_in_the_catalogue(keys: Dict[str, Any]) -> None:
    """Sampled evaluation asks for single items; it adds the same."""
    terms = {TREND: {"weights": [2.0]}, HOUR: {"weight": 1.5}}
    experiment = made(keys, model="GRU4Rec", **terms)
    batch, model = next(iter(experiment.test_data))[0], experiment.model.eval()
    with torch.no_grad():
        whole = model.full_sort_predict(batch).view(len(batch), -1)
        found = model.predict(batch)
    chosen = whole.gather(1, batch["item_id"].unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(found, chosen)
    plain = made(keys, model="GRU4Rec").model.eval().predict(batch)
    assert (found - plain).abs().max() > 0.1


def test_training_is_left_alone_and_a_checkpoint_may_be_given_the_terms(
    keys: Dict[str, Any],
) -> None:
    terms = {TREND: {"weights": [2.0]}, HOUR: {}}
    keys["model"] = "SASRec"
    plain = run_recbole_poem(config_dict=keys)
    with_terms = run_recbole_poem(config_dict={**keys, **terms})
    paths = [result["model_file"] for result in (plain, with_terms)]
    one, two = (torch.load(path, weights_only=True)["state_dict"] for path in paths)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert plain["test_result"] != with_terms["test_result"]
    assert load(paths[0], terms).evaluate("test") == with_terms["test_result"]
    assert load(paths[1]).evaluate("test") == with_terms["test_result"]


@pytest.mark.parametrize(
    ("keys_of_terms", "words"),
    [
        (
            {"model": "SASRec", "logit_terms": ["repeat"]},
            "logit_terms.repeat: POEM alone learns it, and SASRec does not; for every sequential "
            "model there are hour_of_day, popularity_trend",
        ),
        (
            {"model": "CORE", "logit_terms.candidate_head": True},
            "logit_terms.candidate_head: POEM alone learns it, and CORE does not",
        ),
        (
            {"model": "SASRec", "logit_terms": "popularity_trend"},
            "logit_terms.popularity_trend.weights: SASRec learns none; give a number from 0 for",
        ),
        (
            {"model": "BPR", "logit_terms": "hour_of_day"},
            "logit_terms.hour_of_day: BPR ranks once for all rows of a user, whose times differ",
        ),
        (
            {"model": "Pop", TREND: {"weights": [1]}},
            "logit_terms.popularity_trend: Pop ranks once for all rows of a user",
        ),
    ],
)
def test_what_a_model_cannot_have_is_refused(
    keys: Dict[str, Any], keys_of_terms: Dict[str, Any], words: str
) -> None:
    if keys_of_terms["model"] in ("BPR", "Pop"):
        del keys["train_neg_sample_args"]
    with pytest.raises(InputError) as error:
        Config(config_dict={**keys, **keys_of_terms})
    assert str(error.value).startswith(words)


def test_without_training_rows_there_is_nothing_to_count(
    keys: Dict[str, Any], write_dataset: Any
) -> None:
    day = 1.6e9 // 86400 * 86400
    rows = [(f"u{u}", f"i{n}", 5.0, day + 86400 * 9 + n) for u in range(9) for n in range(6)]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    keys = {**keys, **write_dataset(log), "model": "SASRec", "eval_args": BY_TIME}
    with pytest.raises(InputError) as error:
        made(keys, logit_terms="hour_of_day")
    assert "training" in str(error.value)


class OddStep(NamedTuple):
    """Item 1 is worth a logit at every other second."""

    logit: torch.Tensor
    now: int = 1

    def step(self, time: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.nan_to_num(1 + time % 2).astype(np.int64))


class Odd(nn.Module):
    """A dense term of a package outside: nothing else is told of it."""

    reads_ranking = False
    field = "odd_step"

    @dataclass(frozen=True)
    class Settings:
        weight: float = setting(3.0, ABOVE_0, "of the seconds")

    @staticmethod
    def count(settings: Any, log: Any, clock: Any) -> OddStep:
        logit = torch.zeros(1, 3, log.n_items)
        logit[0, 2, 1] = 1
        return OddStep(logit)

    @staticmethod
    def given(settings: Any) -> List[float]:
        return [settings.weight]

    def __init__(self, settings: Any, trends: Any) -> None:
        super().__init__()
        self.trends, self.weights = trends, torch.tensor(self.given(settings))

    def reset_parameters(self, std: float) -> None:
        pass

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.trends.logit, self.weights, self.trends.now)


@pytest.fixture
def _odd() -> Iterator[None]:
    LOGIT_TERMS.components()
    LOGIT_TERMS.register("odd")(Odd)
    yield
    del LOGIT_TERMS._components["odd"]


@pytest.mark.usefixtures("_odd")
@pytest.mark.parametrize("model", ["SASRec", "POEM"])
def test_a_new_term_is_one_class_in_evaluation_and_service(
    keys: Dict[str, Any], model: str
) -> None:
    keys.update(model=model, **{"logit_terms": {"odd": {"weight": 5.0}}})
    if model == "POEM":
        keys.update({"ranking_reader": "none", "losses": "feedback"})
    path = run_recbole_poem(config_dict=keys)["model_file"]
    experiment, plain = load(path), load(path, {"logit_terms": "none"})
    log = experiment.test_data._dataset.log
    rows = experiment.test_data._dataset.inter_feat[REQUEST_ID].numpy()
    odd = torch.from_numpy(log.time[rows] // 1 % 2)
    added = scores_of(experiment) - scores_of(plain)
    torch.testing.assert_close(added[:, 1].double(), 5 * odd, atol=1e-4, rtol=0)
    assert not added[:, 2:].abs().gt(1e-4).any()
    found = [
        Recommender.load(path).recommend([["i3"]], k=25, times=[1.7e9 + late], filter_seen=False)
        for late in (0, 1)
    ]
    even, late = (dict(zip(each["item"], each["score"])) for each in found)
    first = experiment.dataset.id2token("item_id", [1])[0]
    assert late[first] - even[first] == pytest.approx(5, abs=1e-4)
