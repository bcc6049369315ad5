"""Trained parts of a cascade: they see what a platform sees, and answer as they do elsewhere."""

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction
from toy_world import small_world

from recbole_poem import run_recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID
from recbole_poem.serving.loading import Loaded, open_part
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.training.ranking_stage import TrainedRanker
from recbole_poem.world.ab import run_test
from recbole_poem.world.arms import CascadeOf, cascade_of
from recbole_poem.world.checkpoint_ranker import CheckpointRanker
from recbole_poem.world.comparison import compare
from recbole_poem.world.dataset import BEGIN, write_dataset
from recbole_poem.world.duel import duel
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.retrieval import Asked, Mind
from recbole_poem.world.world import World

USUAL: Dict[str, Any] = {
    "MAX_ITEM_LIST_LENGTH": 10, "hidden_size": 8, "epochs": 1, "show_progress": False,
    "use_gpu": False, "threads": 1, "train_batch_size": 256,
}  # fmt: skip
N_REQUESTS = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "little"
    write_dataset(small_world(), N_REQUESTS, folder, show_progress=False)
    return folder


def trained(data: Path, model: str, place: str = "saved", **keys: Any) -> str:
    folder = data.parent / f"{place}-{model}"
    given = {**USUAL, **keys, "data_path": str(data.parent), "checkpoint_dir": str(folder)}
    run_recbole_poem(model=model, dataset="little", config_dict=given)
    (path,) = folder.glob("*.pth")
    return str(path)


@pytest.fixture(scope="module")
def ranker(data: Path) -> str:
    """Train on the keys beside the data alone; the pooling reads what came of the history."""
    return trained(data, "MultiTaskRanker", pooling="actions", learning_rate=0.02, epochs=3)


LEARNED = {"score_fusion": "harmonrank", "ranking_source.raw_scores": True}


@pytest.fixture(scope="module")
def poem(data: Path) -> str:
    keys = {"losses.fusion": True, "learning_rate": 0.02, "row_features": "none"}
    return trained(data, "POEM", **LEARNED, **keys)


@pytest.fixture(scope="module")
def upstream(data: Path) -> str:
    return trained(data, "Upstream", **LEARNED)


def opened(path: str, data: Path) -> Loaded:
    return open_part(path, {"data_path": str(data.parent)})


def asked_after(world: World, requests: int) -> Asked:
    everybody = np.arange(world.n_users)
    lives = Lives(world, everybody)
    list(lives.go(world.usual_retrieval(), Until(requests=requests)))
    return lives.ask(everybody)


def made(data: Path, **given: Any) -> CascadeOf:
    return cascade_of({"retrieval": "own", **given}, data, 10, False, "c.yaml")


def test_the_keys_beside_the_data_name_targets_that_the_log_answers(data: Path) -> None:
    config = Config("MultiTaskRanker", "little", config_dict={"data_path": str(data.parent)})
    # nobody forwarded anything in so short a log, and no ranker could learn it
    assert list(config.component("targets")) == ["click", "long_view", "watch_time", "like"]
    log = create_dataset(config).build()[0].log
    world = small_world()
    tokens = [str(token) for token in create_dataset(config).field2id_token["item_id"]]
    video = np.array([int(tokens[item][1:]) for item in log.item])
    assert log.values["duration_seconds"] == pytest.approx(world.catalogue.duration[video].round(1))
    assert (log.values["watch_seconds"] > 0).all()
    nothing = sum(log.values[name] for name in ("click", "long_view", "like", "forward")) == 0
    assert 0.3 < nothing.mean() < 0.9  # exposures that came to nothing are rows as well


def test_a_live_request_is_scored_as_its_row_of_the_log(data: Path, ranker: str) -> None:
    world, loaded = small_world(), opened(ranker, data)
    asked = asked_after(world, N_REQUESTS - 1)
    items = np.tile(np.arange(30), (40, 1))
    live = CheckpointRanker(loaded, world).score(asked, items)
    # the row that the last request of a user begins with has the same history, time and gap
    dataset, found = loaded.dataset, loaded.dataset.exposures
    user = [dataset.token2id("user_id", f"u{user}") for user in asked.user]
    begun = dict(zip(zip(user, (BEGIN + asked.time).astype(int).tolist()), range(40)))
    pairs = zip(found.log.user.tolist(), found.seconds.tolist())
    rows = {begun[pair]: row for row, pair in enumerate(pairs) if pair in begun}
    assert len(rows) == 40
    ids = np.array([dataset.token2id("item_id", f"v{item}") for item in range(30)])
    log_rows = np.array([rows[place] for place in range(40)])
    scorer = TrainedRanker(loaded.model, found)
    assert live == pytest.approx(scorer.score(log_rows, np.tile(ids, (40, 1))), rel=1e-5)


def test_a_trained_ranker_sees_what_a_platform_sees(data: Path, ranker: str) -> None:
    world = small_world()
    scorer, asked = CheckpointRanker(opened(ranker, data), world), asked_after(world, 4)
    assert scorer.objectives == ["click", "long_view", "watch_time", "like"]
    items = np.tile(np.arange(20), (40, 1))
    scores = scorer.score(asked, items)
    # not the mind, and not what others are asked with
    no_mind = asked._replace(mind=Mind(*(np.full_like(each, np.nan) for each in asked.mind)))
    assert np.array_equal(scorer.score(no_mind, items), scores)
    few = Asked(*(_of(part, slice(5, 9)) for part in asked))
    assert scorer.score(few, items[:4, 3:7]) == pytest.approx(scores[5:9, 3:7], rel=1e-5)
    # but what came of the history, its videos, the user and the time
    history = asked.history
    for moved in (
        asked._replace(history=history._replace(reactions=~history.reactions)),
        asked._replace(history=history._replace(item=history.item[::-1])),
        asked._replace(user=asked.user[::-1]),
        asked._replace(time=asked.time + 6 * 3600),
    ):
        assert not np.allclose(scorer.score(moved, items), scores, rtol=1e-4)
    # a ranker without a history reads none
    scorer._n_recent = 0
    assert scorer.requests(asked, items).history_labels.shape == (40, 0, 4)
    assert np.isfinite(scorer.score(asked, items)).all()
    # where there is no candidate it says something finite, and knows who has no history
    assert np.isfinite(scorer.score(asked_after(world, 0), np.full((40, 3), NONE))).all()


def _of(part: Any, rows: slice) -> Any:
    return type(part)(*(column[rows] for column in part)) if isinstance(part, tuple) else part[rows]


def test_two_tests_of_a_trained_ranker_differ_by_nothing(data: Path, ranker: str) -> None:
    fusion = {"name": "reciprocal_rank", "weights": {"watch_time": 1}}
    arm = made(data, ranker=ranker, score_fusion=fusion)
    again = made(data, ranker=ranker, score_fusion=fusion)
    tested = run_test(small_world(), {"A": arm, "B": again, "best": made(data)}, 4, 2)
    one, other = (tested.outcomes[name] for name in "AB")
    assert all(np.array_equal(a, b) for a, b in zip(one, other))
    assert not np.array_equal(one.counts, tested.outcomes["best"].counts)
    line = compare(tested, "A", "B")[0].found
    assert line.low == line.high == line.difference == 0 < line.a


def test_a_learned_fusion_answers_as_the_model_reads(data: Path, poem: str) -> None:
    world, loaded = small_world(), opened(poem, data)
    order = made(data, score_fusion=poem)(world).stage.order
    asked = asked_after(world, 4)
    items = np.tile(np.arange(9), (40, 1))
    scores = np.random.default_rng(0).normal(size=(40, 9, 5))
    places, by = order.best(asked, items, scores, 9)
    # the model itself, in evaluation, where these scores are the ranking that it reads
    model, dataset = loaded.model, loaded.dataset
    token = {name: place for place, name in enumerate(dataset.field2id_token["item_id"].tolist())}
    rows = []
    for seen in asked.history.item:
        known = [token[f"v{item}"] for item in seen[seen != NONE]][-10:]
        rows.append(known + [0] * (10 - len(known)))
    windows = torch.tensor(rows)
    told = {
        model.ITEM_SEQ: windows,
        model.ITEM_SEQ_LEN: (windows > 0).sum(dim=1),
        CACHE_ITEM: torch.tensor([[token[f"v{item}"] for item in row] for row in items]),
        CACHE_SCORE: torch.from_numpy(scores).float(),
        REQUEST_ID: torch.zeros(40, dtype=torch.int64),
    }
    with torch.no_grad():
        batch = Interaction(told)
        who = model.last_states(batch).mean(dim=1)
        read = model.ranking_side.of_rows(model.item_embedding.weight, batch, who)
    expected = read.ranking.fused.numpy()
    assert np.take_along_axis(expected, places, axis=1) == pytest.approx(by, rel=1e-4)
    assert (np.diff(by, axis=1) <= 0).all()
    # who asks changes the fused scores
    other = order.best(asked._replace(history=asked.history.of(np.arange(40)[::-1])), items,
                       scores, 9)[1]  # fmt: skip
    assert not np.allclose(other, by)


def test_a_learned_fusion_orders_what_was_chosen_before(data: Path, upstream: str) -> None:
    world = small_world()
    learned = made(data, score_fusion=upstream)(world).stage.order
    chooser = made(data, score_fusion="reciprocal_rank")(world).stage.order
    asked = asked_after(world, 2)
    items = np.tile(np.arange(30), (40, 1))
    scores = np.random.default_rng(1).normal(size=(40, 30, 5)) + 2
    (places, by), (chosen, _) = (of.best(asked, items, scores, 12) for of in (learned, chooser))
    assert np.array_equal(np.sort(places), np.sort(chosen)) and not np.array_equal(places, chosen)
    loaded = opened(upstream, data)
    sub = torch.from_numpy(np.take_along_axis(scores, chosen[..., None], 1)).float()
    with torch.no_grad():
        fused = loaded.model.score_fusion(sub, torch.ones(40, 12, dtype=torch.bool)).score
    assert -np.sort(-fused.numpy(), axis=1) == pytest.approx(by)


def test_what_does_not_fit_is_refused(data: Path, ranker: str, poem: str) -> None:
    world = small_world()
    with pytest.raises(InputError, match=r"POEM is no ranker; give a checkpoint of MultiTaskRan"):
        made(data, ranker=poem)(world)
    with pytest.raises(InputError, match=r"the MultiTaskRanker there has no score fusion; give a"):
        made(data, score_fusion=ranker)(world)
    words = "reads the score 'forward', which the ranking stage does not give"
    with pytest.raises(InputError, match=words):  # nobody forwarded, so the ranker has no target
        made(data, ranker=ranker, score_fusion=poem)(world)
    with pytest.raises(InputError, match=words):
        made(data, ranker=ranker, retrieval=poem)(world)
    with pytest.raises(InputError, match=r"does not know the video 'v60' of this world; give a c"):
        made(data, ranker=ranker)(small_world(catalogue__items=70))


def test_a_learned_fusion_reads_no_other_ranker(data: Path, ranker: str) -> None:
    """Names alike do not make scores alike."""
    world = small_world()
    shared = opened(ranker, data).model.targets
    names = {"ranking_source.columns": [one.name for one in shared]}
    of_log = trained(data, "Upstream", "of_log", **LEARNED, **names)
    words = "its score_fusion learned from the scores of the world's own ranker, and here MultiTa"
    with pytest.raises(InputError, match=words):
        made(data, ranker=ranker, score_fusion=of_log)(world)
    own = {"losses.fusion": True, "row_features": "none", "history_encoder": "transformer"}
    poem = trained(data, "POEM", "of_log", **LEARNED, **names, **own)
    with pytest.raises(InputError, match=words):
        made(data, ranker=ranker, retrieval=poem)(world)
    assert made(data, score_fusion=of_log, retrieval=poem)(world)


def test_columns_of_requests_are_refused_and_statistics_of_items_are_read(data: Path) -> None:
    reads = {"request_context": {"columns": ["timestamp"]}}
    told = trained(data, "MultiTaskRanker", "told", epochs=1, ranker_input=reads)
    with pytest.raises(InputError, match=r"reads columns of requests \(request_context\), which"):
        made(data, ranker=told)(small_world())
    path = trained(data, "MultiTaskRanker", "counts", epochs=1, ranker_input="item_statistics")
    world, asked = small_world(), asked_after(small_world(), N_REQUESTS - 1)
    items = np.tile(np.arange(30), (40, 1))
    scores = CheckpointRanker(opened(path, data), world).score(asked, items)
    assert scores.shape == (40, 30, 4)
    assert np.isfinite(scores).all()


def test_a_checkpoint_of_another_world_is_refused(data: Path, ranker: str, poem: str) -> None:
    other = data.parent / "other"
    write_dataset(small_world(seed=5), N_REQUESTS, other, show_progress=False)
    words = "it was trained on the data set 'little', and the test is of 'other'; train one on that"
    for parts in ({"ranker": ranker}, {"retrieval": poem}, {"score_fusion": poem}):
        with pytest.raises(InputError, match=words):
            made(other, **parts)(small_world(seed=5))


def test_a_fusion_that_learned_nothing_is_to_be_named(data: Path) -> None:
    path = trained(data, "Upstream", "plain")
    with pytest.raises(InputError, match=r"the score_fusion reciprocal_rank there learned nothin"):
        made(data, score_fusion=path)(small_world())


def test_a_duel_reads_a_file_and_says_early_what_cannot_be(
    data: Path, ranker: str, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"retrieval: everything\nranker: {ranker}\nscore_fusion: normal_scores\n")
    report = duel(data, str(file), "own", days=1, n_candidates=10, alone=False)
    assert report.about["cascade of A"].startswith("{'retrieval': 'everything', 'ranker': '")
    assert "cascade of B" not in report.about
    file.write_text("retrieval: own\nscore_fusion: umre\n")

    def nobody_lives(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(InputError, match="umre has to be learned"):
        duel(data, str(file), "own", 1, 10, False, run=nobody_lives)
