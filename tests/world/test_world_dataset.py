"""A world as a data set: RecBole reads it, POEM learns from it and comes back as a retrieval."""

import logging
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pandas as pd
import pytest
from toy_world import life_in, small_world

from recbole_poem import run_recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import open_map
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset
from recbole_poem.world.ab import run_test
from recbole_poem.world.arms import WORDS, CascadeOf
from recbole_poem.world.cascade import WorldRanker
from recbole_poem.world.checkpoint_retrieval import CheckpointRetrieval
from recbole_poem.world.dataset import BEGIN, write_dataset, write_life
from recbole_poem.world.history import NONE
from recbole_poem.world.loop import Lives, Until
from recbole_poem.world.makers import OfCheckpoint
from recbole_poem.world.oracles import targets
from recbole_poem.world.world import World

TINY: Dict[str, Any] = {
    "MAX_ITEM_LIST_LENGTH": 10, "hidden_size": 8, "epochs": 1, "show_progress": False,
    "use_gpu": False, "threads": 1, "train_batch_size": 256,
}  # fmt: skip
LIKE = {"base": -3.0, "utility": 0.3, "long_view": 1.0}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write the data set of a small world."""
    write_dataset(small_world(), 6, tmp_path / "data" / "little", show_progress=False)
    return tmp_path / "data" / "little"


def read(data: Path, suffix: str) -> pd.DataFrame:
    """Read an atomic file, its columns without their types."""
    frame = pd.read_csv(data / f"little.{suffix}", sep="\t")
    return frame.rename(columns=lambda name: name.partition(":")[0])


def test_the_files_are_what_people_lived_through(data: Path) -> None:
    life = life_in(small_world(), 6)
    inter, cand = read(data, "inter"), read(data, "cand")
    assert inter.user_id.tolist() == [f"u{user}" for user in life.user]
    assert inter.item_id.tolist() == [f"v{item}" for item in life.item]
    assert inter.timestamp.tolist() == (BEGIN + life.time).astype(int).tolist()
    assert inter.long_view.tolist() == life.reactions["long_view"].astype(int).tolist()
    assert inter.watch_seconds.to_numpy() == pytest.approx(life.seconds, abs=0.006)
    assert len(cand) == (life.ranked != NONE).sum()
    assert cand.item_id[:12].tolist() == [f"v{item}" for item in life.ranked[0]]
    assert cand.like.to_numpy() == pytest.approx(life.scores[life.ranked != NONE][:, 3], abs=1e-5)
    # the first video of a list begins when it is asked for, and reads its own ranking
    assert set(zip(cand.user_id, cand.timestamp)) <= set(zip(inter.user_id, inter.timestamp))


def test_threads_write_the_same_bytes(data: Path, tmp_path: Path) -> None:
    with open_map(threads=2) as run:
        write_dataset(small_world(), 6, tmp_path / "little", run, show_progress=False)
    for file in data.iterdir():
        assert file.read_bytes() == (tmp_path / "little" / file.name).read_bytes()


def test_a_life_is_written_as_the_world_would_but_for_the_bounds(
    data: Path, tmp_path: Path
) -> None:
    world = small_world()
    write_life(world, life_in(world, 6), tmp_path / "by_hand" / "little")
    files = {path.name for path in (tmp_path / "by_hand" / "little").iterdir()}
    assert files == {path.name for path in data.iterdir()} - {"oracle.json"}
    for name in files:
        assert (tmp_path / "by_hand" / "little" / name).read_bytes() == (data / name).read_bytes()


def test_the_test_rows_are_those_of_the_oracles(data: Path) -> None:
    config = Config("POEM", "little", config_dict={"data_path": str(data.parent), **TINY})
    parts = dict(zip(("train", "valid", "test"), create_dataset(config).build()))
    life = life_in(small_world(), 6)
    for part in ("valid", "test"):
        rows, dataset = targets(life, part), parts[part]
        found = {
            (dataset.id2token("user_id", user), dataset.id2token("item_id", item))
            for user, item in zip(
                dataset.inter_feat["user_id"].tolist(), dataset.inter_feat["item_id"].tolist()
            )
        }
        pairs = zip(life.user[rows.exposure], life.item[rows.exposure])
        assert found == {(f"u{user}", f"v{item}") for user, item in pairs}


def test_keys_given_win_over_those_beside_the_data(data: Path) -> None:
    keys = {"data_path": str(data.parent), **TINY}
    assert Config("SASRec", "little", config_dict=keys)["mask_seen"] is True
    assert (
        Config("SASRec", "little", config_dict={**keys, "mask_seen": False})["mask_seen"] is False
    )
    assert Config("SASRec", "other", config_dict=keys)["mask_seen"] is False


def test_a_model_of_the_world_is_trained_and_comes_back_as_its_retrieval(
    data: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = {**TINY, "data_path": str(data.parent), "checkpoint_dir": str(tmp_path / "saved")}
    with caplog.at_level(logging.INFO):
        run_recbole_poem(
            model="POEM", dataset="little", config_dict={**keys, "epochs": 8, "learning_rate": 0.02}
        )
    n_rows = len(read(data, "inter"))
    words = f"request cache: {n_rows:,} of {n_rows:,} (100.0 %) requests have a ranking; "
    assert words in caplog.text
    (checkpoint,) = (tmp_path / "saved").glob("POEM*.pth")
    world = small_world()
    everybody = np.arange(world.n_users)
    recommender = Recommender.load(str(checkpoint), {"data_path": str(data.parent)})
    assert list(recommender.objectives) == world.objectives
    retrieval = CheckpointRetrieval(recommender, world, WorldRanker(world), 15)
    lives = Lives(world, everybody)
    list(lives.go(world.usual_retrieval(), Until(requests=6)))
    asked = lives.ask(everybody)
    items = retrieval.candidates(asked)
    assert items.shape == (40, 15)
    real = np.where(items == NONE, 0, items)
    assert not (np.take_along_axis(asked.taken, real, axis=1) & (items != NONE)).any()
    # what the previous ranking said moves the answer
    other = retrieval.candidates(asked._replace(scores=-asked.scores))
    assert not np.array_equal(items, other)
    _is_an_arm(world, str(checkpoint), str(data))
    _reads_only_scores_that_there_are(recommender)
    _answers_only_videos_that_there_are(recommender)
    _reads_the_previous_ranking(recommender, monkeypatch)


def _is_an_arm(world: World, checkpoint: str, data: str) -> None:
    arms = {"own": WORDS["own"], "B": CascadeOf(OfCheckpoint(checkpoint, data, 10, False))}
    one = run_test(world, arms, 6, 1)
    with open_map(threads=2) as run:
        other = run_test(world, arms, 6, 1, run)
    for name in arms:
        assert np.array_equal(one.outcomes[name].counts, other.outcomes[name].counts)
    exposures = one.outcomes["B"].by_day("exposures").sum()
    assert 0 < one.outcomes["B"].sent.sum() < exposures


@pytest.mark.parametrize(
    ("dials", "words"),
    [
        ({"reactions__others": {"click": LIKE}},
         r"^reactions\.others: 'click' follows from the watch time in every world; leave it out"),
        ({"reactions__others": {"like": LIKE, "timestamp": LIKE}},
         r"^reactions\.others: the data set has a column 'timestamp' already; rename it$"),
        ({"reactions__others": {"clue_1": LIKE}, "clues__n": 2},
         r"^reactions\.others: the data set has a column 'clue_1' already; rename it$"),
        ({"ranking_stage__objectives": {"item_id": {"utility": 1.0, "duration": 0.0}}},
         r"^ranking_stage\.objectives: the data set has a column 'item_id' already; rename it$"),
    ],
)  # fmt: skip
def test_a_name_that_something_else_has_is_refused(
    dials: Dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        write_dataset(small_world(**dials), 3, tmp_path / "w", show_progress=False)
    assert not (tmp_path / "w").exists()


def _reads_only_scores_that_there_are(recommender: Recommender) -> None:
    world = small_world(ranking_stage__objectives={"clicks": {"utility": 1.0, "duration": 0.0}})
    words = "the model reads the score 'click', which the ranking stage does not give; the "
    with pytest.raises(InputError, match=words + "nearest is 'clicks'"):
        CheckpointRetrieval(recommender, world, WorldRanker(world), 5)


def _reads_the_previous_ranking(recommender: Recommender, patched: pytest.MonkeyPatch) -> None:
    with patched.context() as changed:
        changed.setattr(recommender.model.ranking_side, "n_rankings", 2)
        with pytest.raises(InputError, match=r"n_rankings is 2, and a world keeps the last rank"):
            CheckpointRetrieval(recommender, small_world(), WorldRanker(small_world()), 5)
    patched.setitem(recommender.config.final_config_dict, "request_lag", 2)
    with pytest.raises(InputError, match=r"request_lag is 2, and a world hands on the ran"):
        CheckpointRetrieval(recommender, small_world(), WorldRanker(small_world()), 5)


def _answers_only_videos_that_there_are(recommender: Recommender) -> None:
    world = small_world(catalogue__items=20, list__candidates=5, list__shown=3)
    asked = Lives(world, np.arange(40)).ask(np.arange(40))
    with pytest.raises(InputError, match=r"the model recommends 'v.*', which is no video of this"):
        CheckpointRetrieval(recommender, world, WorldRanker(world), 40).candidates(asked)
