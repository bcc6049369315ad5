"""POEM as a whole: a toy world it must learn, its parts, and what it may not depend on."""

from typing import Any, Dict

import numpy as np
import pytest
import torch
from conftest import random_log, successor_log
from toy_poem import ALL_OFF, SMALL, make, rows, wake

from recbole_poem.core.blocks import laid
from recbole_poem.core.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    HARD_NEGATIVE,
    REQUEST_ID,
    SYSTEM_POSITIVE,
    TARGET_ID,
)
from recbole_poem.training.quick_start import run_recbole_poem


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), **SMALL}


@pytest.mark.parametrize("parts", [{}, ALL_OFF], ids=["all parts", "plain Transformer"])
def test_learns_that_the_successor_comes_next(write_dataset: Any, parts: Dict[str, Any]) -> None:
    """In a world where item i + 1 follows item i, the first recommendation is the successor."""
    keys = laid(write_dataset(successor_log()), SMALL, parts, {"train_batch_size": 60})
    keys.update(learning_rate=0.01, epochs=30, hidden_dropout_prob=0.1, stopping_step=30)
    result = run_recbole_poem(config_dict=keys)
    assert result["test_result"]["hit@1"] > 0.95


def test_the_times_alone_tell_what_comes_next(write_dataset: Any) -> None:
    """Where the pause before an item says what follows it, POEM learns to read the times."""
    rng = np.random.default_rng(0)
    n_users, length = 60, 10
    item = rng.integers(0, 4, (n_users, length))
    pause = rng.integers(0, 2, (n_users, length))
    item[:, 1:] = 4 * (pause[:, :-1] + 1) + rng.integers(0, 4, (n_users, length - 1))
    # after a row that came at once one of four items comes, after a late one one of four others
    seconds = np.cumsum(np.where(pause == 1, 5000, 1), axis=1)
    user = np.repeat(np.arange(n_users), length)
    log = random_log(0, n_users=60, n_items=20, ties=False, longest=4).iloc[:0]
    log = log.assign(user_id=[f"u{u}" for u in user]).assign(
        item_id=[f"i{i}" for i in item.ravel()],
        rating=5.0,
        timestamp=1.6e9 + seconds.ravel(),
    )
    keys = laid(write_dataset(log), SMALL, ALL_OFF, {"train_batch_size": 60, "topk": [4]})
    keys.update(learning_rate=0.01, epochs=30, hidden_dropout_prob=0.1, stopping_step=30)
    keys.update(valid_metric="hit@4", **{"logit_terms.repeat": False}, ema_decay=0.9)
    told = run_recbole_poem(config_dict=keys)["test_result"]["hit@4"]
    untold = run_recbole_poem(config_dict={**keys, "row_features": "none"})["test_result"]["hit@4"]
    assert told > 0.9
    assert untold < 0.7


def test_the_cache_alone_tells_what_comes_next(write_dataset: Any) -> None:
    """Where the history is noise and the ranking knows the answer, POEM learns to read it."""
    rng = np.random.default_rng(0)
    log = random_log(0, n_users=80, n_items=20, ties=False, longest=4).iloc[:0]
    n_users, length, n_items = 80, 8, 20
    user, step = np.divmod(np.arange(n_users * length), length)
    log = log.assign(user_id=[f"u{u}" for u in user]).assign(
        item_id=[f"i{i}" for i in rng.integers(0, n_items, len(user))],
        rating=5.0,
        timestamp=1.6e9 + 60.0 * step,
    )
    # the ranking of request k, read at request k + 1, puts what will be consumed there on top
    following = log.groupby("user_id")["item_id"].shift(-1)
    lines = ["user_id:token\ttimestamp:float\titem_id:token\tclick:float\tlike:float"]
    for row, answer in zip(log.itertuples(), following):
        others = [f"i{i}" for i in rng.permutation(n_items)[:5] if f"i{i}" != answer]
        ranking = [answer, *others] if isinstance(answer, str) else others
        for place, item in enumerate(ranking):
            score = 1.0 / (1 + place)
            lines.append(f"{row.user_id}\t{row.timestamp}\t{item}\t{score}\t{score**2}")
    keys = write_dataset(log, cand="\n".join(lines) + "\n")
    keys.update(
        SMALL,
        ranking_source="logged",
        **{"grouping.n_groups": 6, "ranking_reader.group_samples": 1},
    )
    keys["ranking_source.n_candidates"] = 6
    keys.update(learning_rate=0.01, epochs=25, hidden_dropout_prob=0.1, train_batch_size=120)
    keys.update(requests_per_window=6, **{"losses.system": "none", "losses.margin": "none"})
    informed = run_recbole_poem(config_dict=keys)["test_result"]["hit@5"]
    blind = run_recbole_poem(config_dict=laid(keys, ALL_OFF))["test_result"]["hit@5"]
    assert blind < 0.45
    assert informed > blind + 0.3


def test_predict_agrees_with_full_sort_predict(keys: Dict[str, Any]) -> None:
    for more in ({}, {"preset": "paper"}, ALL_OFF):
        experiment = make(keys, **more)
        model, batch = experiment.model.eval(), rows(experiment)
        wake(model)
        scores = model.full_sort_predict(batch).gather(1, batch["item_id"].unsqueeze(1))
        assert torch.allclose(model.predict(batch), scores.squeeze(1), atol=1e-5)


def test_scores_do_not_depend_on_the_batch_or_the_scale_of_the_cache(keys: Dict[str, Any]) -> None:
    experiment = make(keys)
    model, batch = experiment.model.eval(), rows(experiment)
    scores = model.full_sort_predict(batch)
    alone = model.full_sort_predict(batch[torch.tensor([3])])
    assert torch.allclose(scores[3], alone[0], atol=1e-5)
    assert torch.equal(scores, model.full_sort_predict(batch))  # the same draw every time
    batch[CACHE_SCORE] = torch.expm1(7 * batch[CACHE_SCORE])
    assert torch.allclose(scores, model.full_sort_predict(batch), atol=1e-6)


def test_order_of_the_cached_candidates_changes_nothing(keys: Dict[str, Any]) -> None:
    experiment = make(keys)
    model, batch = experiment.model.eval(), rows(experiment)
    scores = model.full_sort_predict(batch)
    order = torch.randperm(batch[CACHE_ITEM].shape[1])
    batch[CACHE_ITEM], batch[CACHE_SCORE] = (
        batch[CACHE_ITEM][:, order],
        batch[CACHE_SCORE][:, order],
    )
    assert torch.allclose(scores, model.full_sort_predict(batch), atol=1e-5)


@pytest.mark.parametrize("state", ["transformer", "mixture"])
def test_with_an_empty_ranking_it_is_what_its_history_encoder_is(
    keys: Dict[str, Any], state: str
) -> None:
    keys = {**keys, "history_encoder": state}
    experiment, plain = make(keys), make(keys, **ALL_OFF)
    wake(experiment.model)
    plain.model.load_state_dict(experiment.model.state_dict(), strict=False)
    batch = rows(experiment)
    batch[CACHE_ITEM] = torch.zeros_like(batch[CACHE_ITEM])
    scores = experiment.model.eval().full_sort_predict(batch)
    assert torch.equal(scores, plain.model.eval().full_sort_predict(batch))


def test_empty_slots_behind_the_candidates_change_nothing(keys: Dict[str, Any]) -> None:
    experiment = make(keys)
    wake(experiment.model)
    model, batch = experiment.model.eval(), rows(experiment)
    scores = model.full_sort_predict(batch)
    for field in (CACHE_ITEM, CACHE_SCORE):
        more = batch[field].new_zeros(len(batch[field]), 5, *batch[field].shape[2:])
        batch[field] = torch.cat([batch[field], more], dim=1)
    torch.testing.assert_close(scores, model.full_sort_predict(batch))


def test_an_untrained_head_leaves_the_transformers_scores(keys: Dict[str, Any]) -> None:
    """Training starts from the plain Transformer: whatever the ranking says, at first it adds 0."""
    experiment, plain = make(keys), make(keys, **ALL_OFF)
    plain.model.load_state_dict(experiment.model.state_dict(), strict=False)
    batch = rows(experiment)
    scores = experiment.model.eval().full_sort_predict(batch)
    torch.testing.assert_close(scores, plain.model.eval().full_sort_predict(batch))


def test_the_repeat_logit_is_added_to_the_items_of_the_history_once_a_row(
    keys: Dict[str, Any],
) -> None:
    experiment = make(keys, **ALL_OFF)
    model, batch = experiment.model.eval(), rows(experiment)
    before = model.full_sort_predict(batch)
    torch.nn.init.constant_(model.logit_terms["repeat"].logit, -2.5)
    change = model.full_sort_predict(batch) - before
    for row, window in enumerate(batch["item_id_list"].tolist()):
        times = np.bincount([item for item in window if item], minlength=model.n_items)
        np.testing.assert_allclose(change[row].detach(), -2.5 * times, atol=1e-5)


def test_the_paper_preset_adds_nothing_to_the_paper(keys: Dict[str, Any]) -> None:
    model = make(keys, preset="paper").model
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {
        "item_embedding",
        "history_encoder",
        "ranking_side",
    }
    assert model.request_weight == 1
    experiment = make(keys, preset="paper")
    model, batch = experiment.model.eval(), rows(experiment)
    batch[CACHE_ITEM] = torch.zeros_like(batch[CACHE_ITEM])
    interest = model.forward(batch)
    assert interest.item.shape[1] == 0


def test_the_cache_moves_the_scores_and_switching_it_off_forgets_it(keys: Dict[str, Any]) -> None:
    for more, reads in (({}, True), ({"ranking_reader": "none"}, False)):
        experiment = make(keys, **more)
        model, batch = experiment.model.eval(), rows(experiment)
        wake(model)
        scores = model.full_sort_predict(batch)
        batch[CACHE_ITEM] = batch[CACHE_ITEM].flip(0)
        batch[CACHE_SCORE] = batch[CACHE_SCORE].flip(0)
        assert torch.equal(scores, model.full_sort_predict(batch)) is not reads


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("losses.system", SYSTEM_POSITIVE),
        ("losses.margin", HARD_NEGATIVE),
    ],
)
def test_each_loss_has_its_own_part_and_its_own_input(
    keys: Dict[str, Any], key: str, field: str
) -> None:
    on, off = make(keys), make(keys, **{key: "none"})
    assert len(on.model.calculate_loss(next(iter(on.train_data)))) == 4
    batch = next(iter(off.train_data))
    assert field not in batch
    assert len(off.model.calculate_loss(batch)) == 3


def test_everything_off_is_a_plain_causal_transformer(keys: Dict[str, Any]) -> None:
    """Its loss equals cross-entropy of the history states; it has no other weights."""
    experiment = make(keys, **ALL_OFF, history_encoder="transformer")
    model, batch = experiment.model.eval(), next(iter(experiment.train_data))
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {
        "item_embedding",
        "history_encoder",
        "logit_terms",
    }
    (loss,) = model.calculate_loss(batch)
    states = model.states(batch)[:, :, 0]
    is_target = batch[TARGET_ID] > 0
    logits = states[is_target] @ model.item_embedding.weight[1:].T
    reference = torch.nn.functional.cross_entropy(logits, batch[TARGET_ID][is_target] - 1)
    assert torch.allclose(loss, reference, atol=1e-5)


def test_the_mixture_is_scored_by_the_cosine(keys: Dict[str, Any]) -> None:
    experiment = make(
        keys, **ALL_OFF, history_encoder="mixture", **{"history_encoder.temperature": 0.5}
    )
    model, batch = experiment.model.eval(), rows(experiment)
    scores = model.full_sort_predict(batch)
    items = model.item_embedding.weight[1:]
    assert torch.allclose(model.scoring_items().embedding[1:].norm(dim=1), torch.ones(len(items)))
    state = model.forward(batch).state[:, 0]  # of length 2 before training: 1 / temperature
    cosine = torch.nn.functional.cosine_similarity(state.unsqueeze(1), items, dim=2)
    assert torch.allclose(scores[:, 1:], 2 * cosine, atol=1e-5)
    chosen = model.predict(batch)
    assert torch.allclose(chosen, scores.gather(1, batch["item_id"].unsqueeze(1))[:, 0], atol=1e-5)


@pytest.mark.parametrize("state", ["transformer", "mixture"])
def test_training_and_evaluation_see_the_same_state(keys: Dict[str, Any], state: str) -> None:
    """The state of a window's last position is that of the prediction row with this window."""
    # times that every window knows; a window begins with a user, so that both know as many
    more = {"MAX_ITEM_LIST_LENGTH": 30, "history_encoder": state, "row_features.gap.dropout": 0.0}
    experiment = make(keys, **ALL_OFF, **more)
    model = experiment.model.eval()
    train = experiment.train_data._dataset
    batch = next(iter(experiment.train_data))
    states = model.states(batch)[:, :, 0]
    where = {int(r): i for i, r in enumerate(train.inter_feat[REQUEST_ID])}
    compared = 0
    for b, r in (batch[REQUEST_ID] >= 0).nonzero().tolist():
        row = train[torch.tensor([where[int(batch[REQUEST_ID][b, r])]])]
        position = int(batch["request_position"][b, r])
        assert torch.allclose(states[b, position], model.forward(row).state[0, 0], atol=1e-5)
        compared += 1
    assert compared > 5


@pytest.mark.parametrize("state", ["transformer", "mixture"])
def test_padding_never_gets_a_gradient_or_a_probability(keys: Dict[str, Any], state: str) -> None:
    experiment = make(keys, history_encoder=state)
    sum(experiment.model.calculate_loss(next(iter(experiment.train_data)))).backward()
    assert (experiment.model.item_embedding.weight.grad[0] == 0).all()


@pytest.mark.parametrize("state", ["transformer", "mixture"])
@pytest.mark.parametrize("fusion", ["gate", "residual"])
def test_every_weight_is_trained_jointly(keys: Dict[str, Any], fusion: str, state: str) -> None:
    experiment = make(
        keys,
        state_fusion=fusion,
        history_encoder=state,
        ranking_training="joint",
    )
    wake(experiment.model)
    parts = experiment.model.calculate_loss(next(iter(experiment.train_data)))
    assert len(parts) == 3
    sum(parts).backward()
    untouched = [
        name
        for name, parameter in experiment.model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert untouched == []


def test_a_batch_of_context_alone_has_a_finite_loss_of_zero(keys: Dict[str, Any]) -> None:
    experiment = make(keys)
    batch = next(iter(experiment.train_data))
    batch[TARGET_ID] = torch.zeros_like(batch[TARGET_ID])
    batch[REQUEST_ID] = torch.full_like(batch[REQUEST_ID], -1)
    loss = sum(experiment.model.calculate_loss(batch))
    loss.backward()
    assert loss == 0


@pytest.mark.parametrize("more", [{}, {"preset": "paper"}, {"ranking_training": "joint"}])
def test_it_trains_with_recboles_mixed_precision(
    keys: Dict[str, Any], more: Dict[str, Any]
) -> None:
    result = run_recbole_poem(config_dict={**keys, **more, "enable_amp": True, "epochs": 2})
    assert 0 < result["test_result"]["hit@5"] <= 1


def test_uniform_negatives_are_drawn_for_the_requests_that_would_get_hard_ones(
    keys: Dict[str, Any],
) -> None:
    drawn = {}
    for source in ("uniform", "graph"):
        negatives = {"name": source, "number": 20, "share": 0.5}
        loader = make(keys, **{"losses.margin.negatives": negatives}).train_data
        drawn[source] = torch.cat(
            [(batch[HARD_NEGATIVE] > 0).any(-1).flatten() for batch in loader]
        )
    asks = torch.cat([(batch[REQUEST_ID] >= 0).flatten() for batch in loader])
    assert 0.3 < drawn["uniform"].sum() / asks.sum() < 0.7
    assert not (drawn["graph"] & ~drawn["uniform"]).any()


def test_uniform_negatives_are_no_item_the_user_wanted(keys: Dict[str, Any]) -> None:
    loader = make(keys, **{"losses.margin.negatives": "uniform"}).train_data
    log, drawn = loader._dataset.log, []
    for batch in loader:
        asks = batch[REQUEST_ID] >= 0
        assert not batch[HARD_NEGATIVE][~asks].any()
        for request, negatives, system in zip(
            batch[REQUEST_ID][asks].tolist(),
            batch[HARD_NEGATIVE][asks].tolist(),
            batch[SYSTEM_POSITIVE][asks].tolist(),
        ):
            mine = (log.user == log.user[request]) & log.training
            assert not (set(negatives) - {0}) & (set(log.item[mine].tolist()) | set(system))
            drawn += negatives
    counts = np.bincount(drawn, minlength=log.n_items)
    assert (counts[1:] > 0).all(), "every item is drawn by somebody"


def test_system_positives_are_no_negatives_whatever_the_order_of_the_losses(
    keys: Dict[str, Any],
) -> None:
    negatives = {"losses.margin.negatives": {"name": "uniform", "number": 20}}
    of_order = [
        list(make(keys, losses=order, **negatives).train_data)
        for order in (["feedback", "system", "margin"], ["margin", "feedback", "system"])
    ]
    for usual, other in zip(*of_order):
        asks = other[REQUEST_ID] >= 0
        drawn, top = other[HARD_NEGATIVE][asks], other[SYSTEM_POSITIVE][asks]
        both = drawn.unsqueeze(2) == top.unsqueeze(1)
        assert not (both & (drawn > 0).unsqueeze(2)).any()
        assert torch.equal(other[HARD_NEGATIVE], usual[HARD_NEGATIVE])
