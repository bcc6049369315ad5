"""STCRank's target: planted overlaps and conflicts, and what it is without any."""

from typing import Any, List

import numpy as np
import pytest
import torch
from toy_exposures import exposure_log, write_exposures
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.targets import check_columns, targets_of
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import load, run_recbole_poem

VIEW, BUY = {"view": "[1,1]"}, {"buy": "[1,1]"}
#: every pair of answers, of which some are not told
ANSWERS = {"view": [1, 1, 0, 0, np.nan, np.nan, 1, 0], "buy": [0, 1, 0, 1, 0, 1, np.nan, np.nan]}
LOG = log_of([[1] * 8], 2, **ANSWERS)


def target_on(log: RequestLog, **settings: Any) -> Any:
    given = {"t": {"target": "stcrank", "feedback": VIEW, "other": BUY, **settings}}
    given["t"] = {key: value for key, value in given["t"].items() if value is not None}
    (made,) = targets_of(Config("MultiTaskRanker", "toy", config_dict={"targets": given}), log)
    return made


def binary_on(log: RequestLog, **settings: Any) -> Any:
    given = {"t": {"feedback": VIEW, **settings}}
    (made,) = targets_of(Config("MultiTaskRanker", "toy", config_dict={"targets": given}), log)
    return made


def told(answers: np.ndarray) -> List[Any]:
    return [None if np.isnan(answer) else answer for answer in answers.tolist()]


def test_an_exclusive_yes_is_a_view_without_a_purchase() -> None:
    target = target_on(LOG)
    answers = target.answers(target.labels(LOG))
    # the seventh row is viewed, and nobody knows whether it was bought
    assert told(answers) == [1, 0, 0, 0, None, None, None, 0]
    both = binary_on(LOG, feedback={**VIEW, "buy": "[0,0]"})
    known = ~np.isnan(answers)
    assert np.array_equal(both.labels(LOG)[known], answers[known])


def test_an_answer_that_only_weighs_less_stays_what_it_was() -> None:
    target, binary = target_on(LOG, exclusive=False, overlap_weight=0.3), binary_on(LOG)
    answers = target.answers(target.labels(LOG))
    assert np.array_equal(answers, binary.labels(LOG), equal_nan=True)


def losses_of(target: Any, log: RequestLog, output: torch.Tensor) -> torch.Tensor:
    labels = torch.from_numpy(target.labels(log))
    return target.loss(output, torch.where(labels.isnan(), 0, labels).float())


def test_without_weights_it_is_the_plain_answer_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    log = log_of([[1] * 400], 2, view=rng.integers(0, 2, 400), buy=rng.integers(0, 2, 400))
    output = torch.randn(400).requires_grad_()
    for positive_weight in (1.0, 4.0):
        more = {"positive_weight": positive_weight}
        plain, target = binary_on(log, **more), target_on(log, exclusive=False, **more)
        found, expected = (losses_of(each, log, output) for each in (target, plain))
        assert torch.equal(found, expected)
        of_found, of_expected = (
            torch.autograd.grad(each.mean(), output, retain_graph=True)[0]
            for each in (found, expected)
        )
        assert torch.equal(of_found, of_expected)
        assert torch.equal(target.predict(output), plain.predict(output))
        labels, scores, user = target.labels(log), rng.random(400), rng.integers(0, 9, 400)
        said = [of.measures(user, of.labels(log), scores, scores) for of in (target, plain)]
        assert said[0] == said[1]
        assert set(np.unique(labels)) == {-1, 0, 1, 2}


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({"exclusive": False, "overlap_weight": 0.25}, [1, 0.25, 1, 1]),
        ({"exclusive": False, "conflict_weight": 0.2}, [1, 1, 1, 0.2]),
        ({"exclusive": False, "overlap_weight": 0, "conflict_weight": 3}, [1, 0, 1, 3]),
    ],
)
def test_rows_weigh_as_the_other_answer_says(settings: Any, weights: List[float]) -> None:
    log = log_of([[1] * 4], 2, view=[1, 1, 0, 0], buy=[0, 1, 0, 1])
    output = torch.tensor([0.3, -0.2, 0.9, -1.4])
    plain = losses_of(binary_on(log), log, output)
    found = losses_of(target_on(log, **settings), log, output)
    torch.testing.assert_close(found, torch.tensor(weights) * plain)


def test_a_yes_that_became_a_no_weighs_as_one() -> None:
    log = log_of([[1] * 4], 2, view=[1, 1, 0, 0], buy=[0, 1, 0, 1])
    output = torch.tensor([0.3, -0.2, 0.9, -1.4])
    of_no = torch.nn.functional.softplus(output)
    found = losses_of(target_on(log, conflict_weight=0.2), log, output)
    expected = torch.tensor([of_no[0] - output[0], 0.2 * of_no[1], of_no[2], 0.2 * of_no[3]])
    torch.testing.assert_close(found, expected)


def test_what_is_learned_is_the_share_among_rows_as_they_weigh() -> None:
    """Of 100 rows 40 are viewed, 30 of them bought too, and 20 bought without a view."""
    view, buy = [1] * 40 + [0] * 60, [1] * 30 + [0] * 10 + [1] * 20 + [0] * 40
    log = log_of([[1] * 100], 2, view=view, buy=buy)
    expected = {
        (False, 1.0, 1.0): 40 / 100,
        (True, 1.0, 1.0): 10 / 100,
        (False, 0.5, 1.0): 25 / 85,
        (False, 1.0, 0.2): 40 / (40 + 4 + 40),
        (True, 1.0, 0.2): 10 / (10 + 50 * 0.2 + 40),
    }
    outputs = torch.linspace(-4, 4, 8001).unsqueeze(1).expand(-1, 100)
    for (exclusive, overlap, conflict), share in expected.items():
        weights = {"overlap_weight": overlap, "conflict_weight": conflict}
        target = target_on(log, exclusive=exclusive, **weights)
        label = torch.from_numpy(target.labels(log)).float()
        losses = torch.stack([target.loss(output, label).mean() for output in outputs])
        best = target.predict(outputs[losses.argmin(), 0])
        assert best.item() == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"other": None}, r"^targets\.t\.other: expected a condition such as .*, not None$"),
        ({"other": {}}, r"^targets\.t\.other: expected a condition such as .*, not {}$"),
        ({"exclusive": "no"}, r"^targets\.t\.exclusive: expected True or False, not 'no'$"),
        ({"conflict_weight": -1}, r"^targets\.t\.conflict_weight: expected a number from 0, not"),
        ({"overlap_weight": 0.5}, r"^targets\.t\.overlap_weight: with exclusive, no row is a yes"),
        ({"other": {"bye": "[1,1]"}}, r"^targets\.t\.other: .* no float column 'bye'"),
        ({"other": VIEW}, r"^targets\.t\.other: it leaves no yes, since every training row that"),
    ],
)
def test_what_makes_no_target_is_named_in_one_sentence(settings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        target_on(LOG, **settings)


def test_a_column_that_is_not_there_is_told_where_no_ranker_reads_it() -> None:
    given = {"t": {"target": "stcrank", "feedback": VIEW, "other": {"bye": "[1,1]"}}}
    with pytest.raises(InputError, match=r"^targets\.t\.other: .* no float column 'bye'"):
        check_columns(Config("MultiTaskRanker", "toy", config_dict={"targets": given}), LOG)


def test_a_ranker_learns_what_is_viewed_and_not_bought(write_dataset: Any) -> None:
    """Planted: half of the users buy what they like, so that half of the likes remain."""
    log = exposure_log(n_users=60, n_items=30, length=30, planted=True)
    buys = log["user_id"].str[1:].astype(int) % 2 == 0
    log["buy"] = ((log["click"] > 0) & buys).astype(float)
    keys = write_exposures(write_dataset, log)
    keys.update(model="MultiTaskRanker", embedding_size=8, hidden_size=8, learning_rate=0.02)
    keys["ranker"] = {"name": "mmoe", "n_experts": 2, "expert_sizes": [16], "tower_sizes": []}
    click = {"feedback": {"click": "[1,1]"}}
    rest = {"target": "stcrank", **click, "other": BUY}
    keys.update(targets={"rest": rest, "click": click}, train_batch_size=128, epochs=8)
    result = run_recbole_poem(config_dict=keys)
    assert result["test_result"]["auc rest"] > 0.9
    assert load(result["model_file"]).evaluate("test") == result["test_result"]
