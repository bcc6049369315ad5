"""Parts of a cascade that are trained: once, for all who ask for the same, and for nobody else."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
import pytest
import yaml
from filelock import FileLock, Timeout
from toy_world import small_world

from recbole_poem.core.errors import InputError
from recbole_poem.world import trainings
from recbole_poem.world.ab import run_test
from recbole_poem.world.arms import arm_of, cascade_of, file_of, presets
from recbole_poem.world.dataset import write_dataset
from recbole_poem.world.duel import duel
from recbole_poem.world.trained_parts import TRAINED
from recbole_poem.world.trainings import Training

LITTLE: Dict[str, Any] = {
    "MAX_ITEM_LIST_LENGTH": 10, "epochs": 1, "show_progress": False, "state": "ERROR",
    "use_gpu": False, "threads": 1, "train_batch_size": 256,
}  # fmt: skip
RANKER = {"model": "MultiTaskRanker", **LITTLE}
CONTEXT = {"request_context": {"columns": ["x"]}}
RETRIEVAL = {"model": "POEM", "preset": "comirec", "hidden_size": 8, **LITTLE}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "little"
    write_dataset(small_world(), 6, folder, show_progress=False)
    return folder


def place(data: Path, keys: Dict[str, Any]) -> Path:
    part = "ranker" if keys["model"] == "MultiTaskRanker" else "retrieval"
    return Training.of(part, keys, str(data), "saved", "c").folder


def test_two_cascades_share_what_is_trained_and_take_it_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: List[str] = []
    train = trainings.run_recbole_poem

    def counted(model: str, *arguments: Any, **named: Any) -> Any:
        trained.append(model)
        return train(model, *arguments, **named)

    monkeypatch.setattr(trainings, "run_recbole_poem", counted)
    one = {"retrieval": RETRIEVAL, "ranker": RANKER, "score_fusion": "reciprocal_rank"}
    other = {**one, "retrieval": "own", "rerankers": "none"}
    Path("one.yaml").write_text(yaml.safe_dump(one))
    Path("other.yaml").write_text(yaml.safe_dump(other))
    report = duel(data, "one.yaml", "other.yaml", days=1, n_candidates=10, alone=False)
    assert sorted(trained) == ["MultiTaskRanker", "POEM"]
    assert report.lines[0].found.difference != 0
    assert sorted(path.name.rpartition("-")[0] for path in Path("saved").glob("[!.]*")) == [
        "little-MultiTaskRanker", "little-POEM",
    ]  # fmt: skip
    again = duel(data, "one.yaml", "other.yaml", days=1, n_candidates=10, alone=False)
    assert len(trained) == 2
    assert again.lines[0].found == report.lines[0].found
    # a part that is trained is the part that its checkpoint is
    path = next(place(data, RANKER).glob("*.pth"))
    arms = {
        name: cascade_of({**other, "ranker": ranker}, data, 10, False, "c")
        for name, ranker in (("trained", RANKER), ("named", str(path)))
    }
    found = run_test(small_world(), arms, 4, 1).outcomes
    assert all(np.array_equal(a, b) for a, b in zip(found["trained"], found["named"]))


def test_a_folder_is_named_by_all_that_a_training_depends_on(data: Path, tmp_path: Path) -> None:
    usual = place(data, RANKER)
    assert usual == place(data, {**RANKER, "threads": 2, "state": "INFO", "use_gpu": True})
    assert usual.parent == Path("saved").resolve()
    others = [{**RANKER, "epochs": 2}, {**RANKER, "seed": 1}, {**RANKER, "ranker": "ektm"}]
    places = {usual, place(data, RETRIEVAL), *(place(data, keys) for keys in others)}
    another = tmp_path / "little"
    write_dataset(small_world(seed=1), 6, another, show_progress=False)
    assert len(places | {place(another, RANKER)}) == 6
    # what a default already says changes nothing
    assert usual == place(data, {**RANKER, "learning_rate": 0.001})


def test_a_training_that_came_to_no_end_is_not_taken(data: Path) -> None:
    training = Training.of("ranker", RANKER, str(data), "saved", "c")
    unfinished = training.folder.with_name(f"{training.folder.name}.unfinished")
    unfinished.mkdir(parents=True)
    (unfinished / "half.pth").write_text("half")
    path = Path(training.checkpoint())
    assert path.parent == training.folder and not unfinished.exists()
    assert [file.name for file in training.folder.glob("*.pth")] == [path.name] != ["half.pth"]


def test_a_training_that_is_refused_leaves_nothing(data: Path) -> None:
    part = {**RANKER, "user_inter_num_interval": "[10000,inf)"}
    training = Training.of("ranker", part, str(data), str(data.parent / "refused"), "arm: ranker")
    with pytest.raises(InputError, match="arm: ranker: "):
        training.checkpoint()
    assert not list(training.folder.parent.glob("*.unfinished"))


def test_of_two_processes_one_trains(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training.of("ranker", RANKER, str(data), "saved", "c")

    def train(model: str, dataset: str, config_dict: Dict[str, Any]) -> None:
        (held,) = Path("saved").glob(".*.lock")
        with pytest.raises(Timeout):
            FileLock(str(held)).acquire(timeout=0)
        folder = Path(config_dict["checkpoint_dir"])
        folder.mkdir(parents=True)
        (folder / "mine.pth").write_text("trained")

    monkeypatch.setattr(trainings, "run_recbole_poem", train)
    assert Path(training.checkpoint()).name == "mine.pth"

    @contextmanager
    def waited(path: Path, what: str) -> Iterator[None]:
        other.folder.mkdir()
        (other.folder / "theirs.pth").write_text("trained by the other process meanwhile")
        yield

    other = Training.of("ranker", {**RANKER, "seed": 1}, str(data), "saved", "c")
    monkeypatch.setattr(trainings, "in_turn", waited)
    assert Path(other.checkpoint()).name == "theirs.pth"


def test_what_is_left_beside_a_checkpoint_that_was_removed_is_no_obstacle(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training.of("ranker", RANKER, str(data), "saved", "c")
    training.folder.mkdir(parents=True)
    (training.folder / "old.pth.md").write_text("the card of a checkpoint that is gone")

    def train(model: str, dataset: str, config_dict: Dict[str, Any]) -> None:
        Path(config_dict["checkpoint_dir"]).mkdir()
        Path(config_dict["checkpoint_dir"], "new.pth").write_text("trained")

    monkeypatch.setattr(trainings, "run_recbole_poem", train)
    assert training.checkpoint() == str(training.folder / "new.pth")
    assert [file.name for file in training.folder.iterdir()] == ["new.pth"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"retrieval": {**RETRIEVAL, "preset": "comrec"}},
         "c.yaml: retrieval: preset: expected best or one of a2gen"),
        ({"retrieval": {**RETRIEVAL, "epocs": 3}},
         "c.yaml: retrieval: epocs: there is no such key of POEM or RecBole; the nearest is"),
        ({"retrieval": {**RETRIEVAL, "qwertz": 3}},
         "c.yaml: retrieval: qwertz: there is no such key of POEM or RecBole"),
        ({"retrieval": {"model": "POEMS"}}, "c.yaml: retrieval: model: there is no model named"),
        ({"retrieval": {**RETRIEVAL, "dataset": "x"}},
         "c.yaml: retrieval.dataset: a cascade does not say it; leave it out"),
        ({"retrieval": {"preset": "comirec"}},
         "c.yaml: retrieval: the keys of a training name a model, such as {model: POEM, epochs"),
        ({"retrieval": "own", "ranker": RETRIEVAL},
         "c.yaml: ranker.model: expected MultiTaskRanker, not 'POEM'"),
        ({"retrieval": "own", "score_fusion": RANKER},
         "c.yaml: score_fusion.model: expected POEM or Upstream, not 'MultiTaskRanker'"),
        ({"retrieval": {**RETRIEVAL, "epochs": 0}},
         "c.yaml: retrieval.epochs: expected a number from 1, not 0"),
        ({"retrieval": {"model": "Pop", **LITTLE}},
         "c.yaml: retrieval.model: Pop reads no history; name a sequential model"),
        ({"retrieval": {"model": "Upstream", **LITTLE}},
         "c.yaml: retrieval.model: Upstream reads no history; name a sequential model"),
        ({"retrieval": {"model": "POEM", "n_rankings": 2, **LITTLE}},
         "c.yaml: retrieval.n_rankings is 2, and a world keeps the last ranking of a user alone"),
        ({"retrieval": {"model": "POEM", "request_lag": 0, **LITTLE}},
         "c.yaml: retrieval.request_lag is 0, and a world hands on the ranking of the previous re"),
        ({"retrieval": "own", "ranker": {**RANKER, "ranker_input": CONTEXT}},
         "c.yaml: ranker.ranker_input: live requests of this world have no columns for"),
        ({"retrieval": "own", "score_fusion": {"model": "Upstream", **LITTLE}},
         "c.yaml: score_fusion.score_fusion: reciprocal_rank learns nothing; write it by its name"),
        ({"retrieval": "own", "rerankers": RANKER}, "c.yaml: rerankers.model: there is no 'model'"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_before_anything_is(
    data: Path, given: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        cascade_of({**given}, data, 10, False, "c.yaml")
    assert str(caught.value).startswith(words)
    assert not Path("saved").exists()


def test_what_is_wrong_with_b_is_said_before_a_is_trained(data: Path) -> None:
    Path("a.yaml").write_text(yaml.safe_dump({"retrieval": RETRIEVAL}))
    with pytest.raises(InputError, match=r"^'plan' is neither the file of a checkpoint or cascade"):
        duel(data, "a.yaml", "plan", days=1, n_candidates=10, alone=False)
    assert not Path("saved").exists()


def test_a_folder_that_is_no_world_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    with pytest.raises(InputError, match=r"oracle\.json cannot be read; give a folder that"):
        cascade_of({"retrieval": RETRIEVAL}, tmp_path / "w", 10, False, "c.yaml")


def test_the_cascades_that_are_shipped_name_every_stage(data: Path) -> None:
    found = presets()
    assert set(found) == {"best_stages", "plain", "poem"}
    for name, file in found.items():
        assert file_of(name) == file
        given = yaml.safe_load(file.read_text())
        assert list(given) == [*TRAINED, "rerankers"]
        arm_of(name, data, 10, alone=False)  # nothing in it is refused
    assert not Path("saved").exists()
    # poem is plain with another retrieval
    plain, poem = (yaml.safe_load(found[name].read_text()) for name in ("plain", "poem"))
    assert {**plain, "retrieval": poem["retrieval"]} == poem != plain
