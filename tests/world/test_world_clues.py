"""Clues of a request's context: what they are, who may read them, and that none changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from toy_world import life_in, small_world

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.world.chance import Chance
from recbole_poem.world.clues import CluesSettings, clues
from recbole_poem.world.dataset import write_dataset
from recbole_poem.world.duel import read_world

USER, REQUEST = (each.ravel() for each in np.indices((400, 10)))
CONTEXT = np.random.default_rng(0).normal(size=(4000, 5))


def told(**settings: Any) -> np.ndarray:
    """Return the clues of many requests, (Q, n)."""
    found = clues(CluesSettings(**settings), Chance(3), USER, REQUEST, CONTEXT)
    assert list(found) == [f"clue_{j}" for j in range(settings["n"])]
    return np.stack(list(found.values()), axis=1)


def test_without_noise_a_clue_is_a_bucket_of_one_side_of_the_context() -> None:
    fine, coarse = told(n=6, noise=0, buckets=8), told(n=6, noise=0, buckets=2)
    assert np.array_equal(fine // 4, coarse)
    for clue in coarse.T:  # a half of the space: its sign is told by a plane through the origin
        side = np.linalg.lstsq(CONTEXT, 2.0 * clue - 1, rcond=None)[0]
        assert ((CONTEXT @ side > 0) == (clue == 1)).mean() > 0.97
    for clue in fine.T:  # all values come up equally often
        assert np.bincount(clue, minlength=8) == pytest.approx(np.full(8, 500), abs=90)


def test_noise_hides_the_context_and_nothing_else() -> None:
    def explained(of: np.ndarray) -> float:
        """Return the share of the context's variance that a regression on the clues tells."""
        design = np.column_stack([of, np.ones(len(of))])
        left = CONTEXT - design @ np.linalg.lstsq(design, CONTEXT, rcond=None)[0]
        return float(1 - left.var() / CONTEXT.var())

    shares = [explained(told(n=8, noise=noise, buckets=8)) for noise in (0, 0.5, 2, 100)]
    assert shares[0] > 0.85 > shares[1] > 0.6 > shares[2] > 0.1 > shares[3]
    assert np.bincount(told(n=1, noise=2.0)[:, 0]) == pytest.approx(np.full(4, 1000), abs=120)


def test_more_clues_leave_the_first_ones_as_they_are() -> None:
    assert np.array_equal(told(n=6)[:, :2], told(n=2))
    assert not np.array_equal(told(n=2)[:, 0], told(n=2)[:, 1])


@pytest.fixture
def with_clues(tmp_path: Path) -> Path:
    write_dataset(small_world(clues__n=3), 6, tmp_path / "little", show_progress=False)
    return tmp_path / "little"


def test_they_are_columns_of_the_log_beside_what_it_held(with_clues: Path, tmp_path: Path) -> None:
    write_dataset(small_world(), 6, tmp_path / "plain" / "little", show_progress=False)
    plain = tmp_path / "plain" / "little"
    for name in ("little.cand", "little.item", "little.user"):
        assert (with_clues / name).read_bytes() == (plain / name).read_bytes()
    names = [f"clue_{j}" for j in range(3)]
    more, less = (pd.read_csv(each / "little.inter", sep="\t") for each in (with_clues, plain))
    assert more[[f"{name}:token" for name in names]].isin([f"k{k}" for k in range(4)]).all(None)
    assert more.drop(columns=[f"{name}:token" for name in names]).equals(less)
    assert "clue" not in (plain / "oracle.json").read_text()
    assert "clue" not in (plain / "little.yaml").read_text()
    assert read_world(plain)[0].settings.clues.n == 0
    assert read_world(with_clues)[0].settings.clues == CluesSettings(n=3)


def test_all_rows_of_a_request_have_its_clues(with_clues: Path) -> None:
    world, life = small_world(clues__n=3), life_in(small_world(), 6)
    found = clues(world.settings.clues, world.chance, life.of_user, life.number, life.context)
    request = 6 * life.user + life.request
    inter = pd.read_csv(with_clues / "little.inter", sep="\t")
    for name, values in found.items():
        assert inter[f"{name}:token"].tolist() == [f"k{k}" for k in values[request]]


def test_a_ranker_of_the_platform_may_read_them(with_clues: Path) -> None:
    keys = {
        "data_path": str(with_clues.parent), "show_progress": False, "use_gpu": False,
        "targets": {"long_view": {"feedback": {"long_view": "[1,1]"}}},
        "ranker_input.request_context.columns": ["clue_0", "clue_2"],
    }  # fmt: skip
    ranker = assemble(Config("MultiTaskRanker", "little", config_dict=keys))
    assert ranker.train_data.exposures.context.shape[1] == 2


def test_a_dial_out_of_range_ends_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^clues\.buckets: expected a whole number from 2, not"):
        small_world(clues__buckets=1)
