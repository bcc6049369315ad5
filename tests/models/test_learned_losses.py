"""Losses with weights of their own: trained, kept, averaged and resumed with the model's."""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List

import pytest
import torch
from conftest import random_log
from torch import nn
from toy_poem import SMALL, make
from toy_training import killed_after

from recbole_poem import Recommender, run_recbole_poem
from recbole_poem.core import stages
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import BATCH_NUMBER, FIRST_LEARNS, NEXT_ROW, TARGET_ID
from recbole_poem.core.settings import ABOVE_0, setting
from recbole_poem.losses.parts import Parts
from recbole_poem.training import checkpoint
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import load


class Mirror(nn.Module):
    """Another encoder is to say what the model's says of the items the other way round."""

    teaches_history, teaches_state, stands_alone = True, False, False

    @dataclass(frozen=True)
    class Settings:
        scale: float = setting(1.0, ABOVE_0, "of the loss")

    def __init__(self, settings: Any, parts: Parts) -> None:
        super().__init__()
        self.scale, self.encoder = settings.scale, parts.history_encoder()
        self.embedding = nn.Embedding(parts.n_items, parts.sizes.hidden_size)

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, Any]:
        users = torch.from_numpy(data.log.user)
        return {"user_behind": lambda requests, draws, batch: users[batch[NEXT_ROW].clamp_min(0)]}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        return False

    def positives(self, learnt: Any) -> torch.Tensor:
        return learnt.target.new_zeros(len(learnt.target), 0)

    def forward(self, learnt: Any, log_probability: torch.Tensor) -> torch.Tensor:
        there = learnt.batch[NEXT_ROW] >= 0
        user = learnt.batch["user_id"].unsqueeze(1)
        assert bool((learnt.batch["user_behind"] == user)[there].all())
        said = self.encoder(self.embedding(learnt.seen), learnt.rows)
        wanted = learnt.encode(learnt.seen.flip(1)).detach()
        return self.scale * (said - wanted)[there].square().mean()


@pytest.fixture
def _mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stages.LOSSES.components()
    monkeypatch.setitem(stages.LOSSES._components, "mirror", Mirror)
    yield


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    log = random_log(1, n_users=40, n_items=25, longest=20)
    off = {"ranking_reader": "none", "logit_terms": "none", "row_features": "gap"}
    sizes = {"train_batch_size": 36, "learning_rate": 0.02, "metric_decimal_place": 8}
    return {**write_dataset(log), **SMALL, **off, **sizes, "epochs": 3, "losses": ["feedback"]}


def plain(keys: Dict[str, Any], losses: Any) -> Dict[str, Any]:
    """Return keys of a model of the history alone."""
    kept = {k: v for k, v in keys.items() if k.split(".")[0] not in ("ranking_reader", "grouping")}
    return {**kept, "ranking_reader": "none", "history_encoder": "transformer", "losses": losses}


SQN = {"sqn": {"rewards": {"rating": 0.2}}}
SAC = {"sac": {"rewards": {"rating": {"[4,inf)": 1}}, "warm_up_steps": 4}}
ALL = [["feedback", "mirror"], SQN, SAC, ["feedback", "history_length"]]


@pytest.mark.usefixtures("_mirror")
@pytest.mark.parametrize("losses", ALL, ids=lambda of: list(of)[-1])
def test_it_is_trained_kept_averaged_and_resumed(keys: Dict[str, Any], losses: Any) -> None:
    keys = {**plain(keys, losses), "ema_decay": 0.9}
    name = list(losses)[-1]
    begun = make(keys).model.state_dict()
    result = run_recbole_poem(config_dict=keys)
    state = checkpoint.read(result["model_file"])
    own = [n for n, _ in make(keys).model.named_parameters() if f"learned_losses.{name}" in n]
    assert len(own) >= 1
    for weight in own:
        first, last = begun[weight], state["last_state_dict"][weight]
        assert not torch.equal(first, last), weight
        assert not torch.equal(state["average"]["averages"][weight], last), weight
    loaded = load(result["model_file"])
    assert loaded.evaluate("valid") == result["best_valid_result"]
    resumed = run_recbole_poem(config_dict={"resume": killed_after(0, keys)})
    again = checkpoint.read(resumed["model_file"])
    for part in ("last_state_dict", "state_dict"):
        for weight, value in state[part].items():
            assert torch.equal(value, again[part][weight]), weight
    dataset = loaded.dataset
    history = dataset.id2token(dataset.iid_field, [3, 7, 9]).tolist()
    assert len(Recommender.load(result["model_file"]).recommend([history], k=4)) == 4


@pytest.mark.parametrize(("warm_up", "n_told"), [(4, 0), (1000, 1)])
def test_a_warm_up_longer_than_the_training_is_told(
    keys: Dict[str, Any], warm_up: int, n_told: int, caplog: pytest.LogCaptureFixture
) -> None:
    losses = {"sac": {**SAC["sac"], "warm_up_steps": warm_up}}
    run_recbole_poem(config_dict={**plain(keys, losses), "epochs": 1, "eval_step": 1})
    told = [one for one in caplog.messages if one.startswith("losses.sac.warm_up_steps: the wei")]
    assert len(told) == n_told


def weights_of(model: Any, second: bool) -> Dict[str, torch.Tensor]:
    """Return the weights of one of the two networks, as they are now."""
    named = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    return {name: w for name, w in named.items() if ("second" in name) is second}


def test_a_step_moves_the_main_network_alone(keys: Dict[str, Any]) -> None:
    experiment = make(plain(keys, SQN))
    model = experiment.model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    seen = set()
    for batch in experiment.train_data:
        before = [weights_of(model, second) for second in (False, True)]
        optimizer.zero_grad()
        (loss,) = model.calculate_loss(batch)
        loss.backward()
        optimizer.step()
        moved = [
            [not torch.equal(w, now[name]) for name, w in then.items()]
            for then, now in zip(before, (weights_of(model, False), weights_of(model, True)))
        ]
        first = bool(batch[FIRST_LEARNS])
        seen.add(first)
        assert all(moved[0]) is any(moved[0]) is first
        assert all(moved[1]) is any(moved[1]) is not first
    assert seen == {True, False}


def test_workers_of_the_loader_change_nothing(keys: Dict[str, Any]) -> None:
    batches: List[Any] = []
    for worker in (0, 2):
        loader = make({**plain(keys, SQN), "worker": worker}).train_data
        loader.set_epoch(1)
        batches.append(list(loader))
    numbers = [[int(batch[BATCH_NUMBER]) for batch in each] for each in batches]
    n_batches = len(batches[0])
    assert numbers[0] == numbers[1] == list(range(n_batches, 2 * n_batches))
    for ours, theirs in zip(*batches):
        for field in ("action", "reward", "session_end", FIRST_LEARNS, NEXT_ROW):
            assert torch.equal(ours[field], theirs[field]), field


def test_every_training_row_is_earned_once_in_an_epoch(keys: Dict[str, Any]) -> None:
    """Rows that are no targets of the cross-entropy are actions as well."""
    given = {**plain(keys, SQN), "positive_feedback": {"rating": "[4,inf)"}}
    experiment = make(given)
    log = experiment.train_data._dataset.log
    rows = torch.cat([batch[NEXT_ROW].flatten() for batch in experiment.train_data])
    n_targets = sum(int((batch[TARGET_ID] > 0).sum()) for batch in experiment.train_data)
    expected = (log.training & (log.position > 0)).nonzero()[0].tolist()
    assert sorted(rows[rows >= 0].tolist()) == expected
    assert n_targets < len(expected)
    (loss,) = experiment.model.calculate_loss(next(iter(experiment.train_data)))
    assert torch.isfinite(loss)


@pytest.mark.parametrize("limit", [5, 50000])
def test_a_sampled_softmax_and_drawn_actions_are_learned_too(
    keys: Dict[str, Any], limit: int
) -> None:
    of_sqn = {"sqn": {**SQN["sqn"], "max_actions": limit}}
    given = {**plain(keys, of_sqn), "full_softmax_limit": limit, "sampled_negatives": 10}
    experiment = make(given)
    losses = [experiment.model.calculate_loss(batch)[0] for batch in experiment.train_data]
    assert torch.stack(losses).isfinite().all()


@pytest.mark.parametrize("training", ["stacked", "joint"])
def test_rankings_are_read_beside_it(keys: Dict[str, Any], training: str) -> None:
    """In stacked training the history learns Q values, and what is on top the cross-entropy."""
    given = {key: value for key, value in keys.items() if key != "ranking_reader"}
    given.update(losses=[*SQN, "system"], ranking_training=training)
    experiment = make(given)
    names = {"stacked": ["history sqn", "sqn", "system"], "joint": ["sqn", "system"]}[training]
    assert experiment.model.loss_names == names
    for batch in experiment.train_data:
        experiment.model.zero_grad()
        sum(experiment.model.calculate_loss(batch)).backward()
        of_reader = experiment.model.ranking_side.state_fusion.parameters()
        assert all(weight.grad is not None for weight in of_reader)


def test_a_preset_is_the_published_model(keys: Dict[str, Any]) -> None:
    given = {k: v for k, v in keys.items() if k in ("dataset", "data_path", "load_col", "topk")}
    given["valid_metric"] = "NDCG@5"
    for preset in ("sqn", "sac"):
        model = make({**given, "model": "POEM", "preset": preset, "use_gpu": False}).model
        assert model.loss_names == [preset]
        of_second = model.losses[preset].second.state_dict()
        of_model = {name: model.state_dict()[name] for name in of_second}
        assert {k: v.shape for k, v in of_second.items()} == {
            k: v.shape for k, v in of_model.items()
        }
        assert not torch.equal(
            of_second["item_embedding.weight"], of_model["item_embedding.weight"]
        )


@pytest.mark.parametrize("preset", ["sqn", "sac"])
def test_a_preset_knows_what_rows_of_known_data_sets_earn(preset: str) -> None:
    """The control and the plain model have the same preset, and nothing of its rewards."""
    expected = {"kuairand-pure": {"long_view": 1.0, "is_click": 0.2}, "ml-100k": {"rating": 0.2}}
    for dataset, rewards in expected.items():
        given = {"model": "POEM", "preset": preset, "dataset": dataset, "use_gpu": False}
        of_preset = Config(config_dict=given).component("losses")
        assert list(of_preset) == [preset]
        assert of_preset[preset].settings.rewards == rewards
        control = ["feedback", "history_length"]
        assert list(Config(config_dict={**given, "losses": control}).component("losses")) == control


def test_a_column_that_is_not_there_is_told_before_training(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^losses\.sqn\.rewards: .* 'stars'"):
        make(plain(keys, {"sqn": {"rewards": {"stars": 1}}}))
    with pytest.raises(InputError, match=r"^losses\.sqn\.rewards: expected columns, each with"):
        make(plain(keys, {"sqn": {"rewards": {"rating": "much"}}}))


def test_two_processes_learn_what_one_does(keys: Dict[str, Any]) -> None:
    """Also the weights that a batch leaves alone stay, whatever moment Adam remembers of them."""
    # a Transformer's biases of keys have no gradient but that of rounding
    more = {"history_encoder": "comirec", "hidden_dropout_prob": 0.0, "train_batch_size": 48}
    given = {**plain(keys, SQN), **more}
    results = [run_recbole_poem(config_dict={**given, "nproc": n}) for n in (1, 2)]
    one, two = (checkpoint.read(each["model_file"])["last_state_dict"] for each in results)
    for name, weight in one.items():
        assert torch.allclose(weight, two[name], atol=1e-4), name
