"""The rankers of the neural ranking stage: nothing is trained twice, and training goes on."""

import shutil
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from toy_stage import (
    BY_TIME,
    Counted,
    build,
    exposure_keys,
    prepared,
    source_of,
    with_source,
    with_training,
)

from recbole_poem.training import checkpoint


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    return exposure_keys(write_dataset)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def folder_of(keys: Dict[str, Any]) -> Path:
    return Path(keys["checkpoint_dir"]) / "request_cache" / "toy"


def rankers_of(keys: Dict[str, Any]) -> List[str]:
    return sorted(path.name for path in (folder_of(keys) / "rankers").iterdir())


def forget_caches(keys: Dict[str, Any]) -> None:
    for path in folder_of(keys).iterdir():
        if path.name != "rankers":
            shutil.rmtree(path)


def test_rankers_and_caches_are_stored_and_reused(keys: Dict[str, Any], counted: Counted) -> None:
    keys["checkpoint_dir"] = "kept"
    rankings = build(*prepared(keys))
    learned = counted.batches
    assert learned >= 3
    (folder,) = (folder_of(keys) / "rankers").iterdir()
    stages = [f"stage-{b}.{kind}" for b in (1, 2, 3) for kind in ("pth", "seconds")]
    assert sorted(file.name for file in folder.iterdir()) == stages
    files = {file: file.read_bytes() for file in folder.iterdir()}
    again = build(*prepared(keys))
    forget_caches(keys)
    scored_again = build(*prepared(keys))
    assert counted.batches == learned
    assert {file: file.read_bytes() for file in folder.iterdir()} == files
    for others in (again, scored_again):
        np.testing.assert_array_equal(others[0], rankings[0])
        np.testing.assert_array_equal(others[1], rankings[1])
    spent = [float(file.read_text()) for file in folder.glob("*.seconds")]
    assert min(spent) > 0
    source = source_of(*prepared(keys))
    source.estimate(map)
    assert source.found_seconds == pytest.approx(sum(spent))  # of all that was not trained again
    assert not Path("saved").exists()  # where RecBole's trainers keep what they write by default


def test_rankers_of_another_format_are_trained_again(
    keys: Dict[str, Any], counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(*prepared(keys))
    learned = counted.batches
    forget_caches(keys)
    monkeypatch.setattr(checkpoint, "FORMAT", "recbole_poem checkpoint 99")
    build(*prepared(keys))
    assert counted.batches == 2 * learned
    assert len(rankers_of(keys)) == 2


def test_interrupted_training_goes_on_and_ends_as_if_it_had_not_been(
    keys: Dict[str, Any], counted: Counted
) -> None:
    keys = {**with_source(keys, epochs=3), "ranker.dropout": 0.2}
    whole = build(*prepared(keys))
    learned = counted.batches
    for share in (0.2, 0.9):  # in the first stage, and in the last
        counted.batches, counted.ends_at = 0, int(share * learned)
        keys["request_cache_dir"] = f"interrupted at {share}"
        with pytest.raises(KeyboardInterrupt):
            build(*prepared(keys))
        counted.ends_at = None
        resumed = build(*prepared(keys))
        assert counted.batches < 1.5 * learned  # one stage twice, at most
        np.testing.assert_array_equal(resumed[0], whole[0])
        np.testing.assert_array_equal(resumed[1], whole[1])


def test_what_has_a_say_gets_rankers_of_its_own_and_what_has_none_shares_them(
    keys: Dict[str, Any],
) -> None:
    keys = with_source(keys, epochs=0)
    build(*prepared(keys))
    (mine,) = rankers_of(keys)
    for same in (
        {"threads": 2},
        with_source(with_training(keys, threads=2), n_candidates=5),
        {"objectives": {"consumed": {"similarity": "cosine"}}},
        {"score_fusion.weights": [1, 2, 3, 4]},
        {"learning_rate": 0.5},
    ):
        build(*prepared({**keys, **same}))
        assert rankers_of(keys) == [mine], same
    changes: List[Dict[str, Any]] = [
        {"ranking_source.epochs": 1},
        with_training(keys, weight_decay=0.1),
        {"ranking_source.unexposed": 1},
        with_training(keys, seed=5),
        {"ranker.n_experts": 3},
        {"seed": 6},
        {"utc_offset": 3600},
        {"ranking_source.blocks": 2},
        {"targets": {**keys["targets"], "like": {"feedback": {"like": "[1,1]"}}}},
        {"load_col": {**keys["load_col"], "user": ["user_id", "taste"]}},
        BY_TIME,
    ]
    for number, change in enumerate(changes, 2):
        source_of(*prepared({**keys, **change})).estimate(map)
        assert len(rankers_of(keys)) == number, change
    # the tables of users and items, too
    height = Path(keys["data_path"]) / "toy" / "toy.user"
    height.write_text(height.read_text().replace("157", "158"))
    source_of(*prepared(keys)).estimate(map)
    assert len(rankers_of(keys)) == len(changes) + 2


def test_dates_of_items_that_move_get_rankers_of_their_own(keys: Dict[str, Any]) -> None:
    items = Path(keys["data_path"]) / "toy" / "toy.item"
    header, *lines = items.read_text().splitlines()
    keys = with_source(keys, epochs=0)
    keys["load_col"] = {**keys["load_col"], "item": [*keys["load_col"]["item"], "came"]}
    keys["ranker_input"] = {"item_statistics": {"uploaded": "came"}}
    for number, year in enumerate((2019, 2020), 1):  # the numbers of these tokens stay the same
        rows = [f"{line}\t{year}-01-{1 + day % 9}" for day, line in enumerate(lines)]
        items.write_text("\n".join([f"{header}\tcame:token", *rows]) + "\n")
        source_of(*prepared(keys)).estimate(map)
        assert len(rankers_of(keys)) == number


def test_a_stage_goes_on_from_the_one_before(keys: Dict[str, Any]) -> None:
    keys = with_source(keys, epochs=0)
    build(*prepared(keys))
    (folder,) = (folder_of(keys) / "rankers").iterdir()
    first, *rest = (torch.load(file)["state_dict"] for file in sorted(folder.glob("*.pth")))
    for weights in rest:
        assert all(torch.equal(weights[name], first[name]) for name in first)


def test_the_log_says_how_well_a_stage_does_in_its_own_block(
    keys: Dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    build(*prepared(keys))
    said = [record.message for record in caplog.records if "in its own block" in record.message]
    assert [line.split(":")[1] for line in said] == [f" stage {b} in its own block" for b in (1, 2)]
    assert all("gauc click 0." in line and "mae seconds" in line for line in said)
