"""CWM's target: its likelihood against scipy, its transform, and what ends at the duration."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logit
from toy_logs import log_of

from recbole_poem.core.errors import InputError
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import WatchTime
from recbole_poem.rankers.target_loss import averaged, row_losses
from recbole_poem.rankers.targets import targets_of
from recbole_poem.training.config import Config

PLAY = np.array([0.0, 3, 7, 10, 25, 4, 30, np.nan, 5])
DURATION = np.array([9.0, 9, 9, 10, 10, 60, 60, 60, 0])


def watch_log(play: Any = PLAY, duration: Any = DURATION, training: Any = None) -> RequestLog:
    log = log_of([[1] * len(play)], 2, training, play=play, duration=duration)
    return replace(log, watch_time=WatchTime("play", "duration"))


def target_on(log: RequestLog, **settings: Any) -> Any:
    given = {"t": {"target": "cwm", **settings}}
    (made,) = targets_of(Config("MultiTaskRanker", "toy", config_dict={"targets": given}), log)
    return made


def truth(seconds: np.ndarray, cost: float) -> np.ndarray:
    """Return the logit of the interest, as the paper writes both."""
    return logit(np.clip(np.exp(-cost / (seconds + 1)), 1e-6, 1 - 1e-6))


def output_for(target: Any, interest: torch.Tensor) -> torch.Tensor:
    """Return the outputs that stand for logits of the interest."""
    output: torch.Tensor = (interest - target.centre) / target.settings.deviation
    return output


def interests(n_rows: int = 7) -> np.ndarray:
    return np.random.default_rng(0).normal(-3, 4, n_rows)


def test_a_label_is_negative_where_the_duration_was_reached() -> None:
    labels = target_on(watch_log()).labels(watch_log())
    assert labels[:7].tolist() == [0, 3, 7, -10, -10, 4, 30]
    assert np.isnan(labels[7:]).all()


@pytest.mark.parametrize(
    ("survival", "spread"), [("normal", stats.norm), ("logistic", stats.logistic)]
)
@pytest.mark.parametrize(("cost", "deviation"), [(40.0, 2.0), (10.0, 0.5)])
def test_rows_have_the_censored_likelihood(
    survival: str, spread: Any, cost: float, deviation: float
) -> None:
    """A row that stopped has the normal density at its logit, another one what survives of it."""
    target = target_on(
        watch_log(), survival=survival, inverse_cost=cost, deviation=deviation, finished_weight=1
    )
    z, labels = interests(), target.labels(watch_log())[:7]
    output = output_for(target, torch.from_numpy(z))
    found = target.loss(output, torch.from_numpy(labels)).numpy()
    t, constant = truth(np.abs(labels), cost), np.log(deviation * np.sqrt(2 * np.pi))
    for row in range(7):
        if labels[row] < 0:
            slow = -spread.logsf(t[row], loc=z[row], scale=deviation)
        else:
            slow = -stats.norm.logpdf(t[row], loc=z[row], scale=deviation) - constant
        assert found[row] == pytest.approx(slow, rel=1e-6, abs=1e-9)


def test_both_kinds_of_rows_count_the_same_unless_a_weight_says_otherwise() -> None:
    log = watch_log()
    z, labels = torch.from_numpy(interests()), torch.from_numpy(target_on(log).labels(log))[:7]
    plain = target_on(log, finished_weight=1).loss(z, labels)
    finished = labels < 0
    apart = plain[finished].mean() + plain[~finished].mean()
    assert target_on(log).loss(z, labels).mean().item() == pytest.approx(apart.item())
    heavy = target_on(log, finished_weight=5).loss(z, labels)
    assert torch.allclose(heavy, torch.where(finished, 5 * plain, plain))


@pytest.mark.parametrize("play", [[1.0, 2, 3], [9.0, 9, 20]])
def test_a_log_of_one_kind_of_rows_has_a_finite_loss(play: Any) -> None:
    log = watch_log(play, [9.0, 9, 9])
    target = target_on(log)
    loss = target.loss(torch.zeros(3), torch.from_numpy(target.labels(log)).float())
    assert loss.isfinite().all() and (loss > 0).all()


@pytest.mark.parametrize("cost", [5.0, 40.0])
def test_the_transform_is_monotone_and_invertible(cost: float) -> None:
    target, seconds = target_on(watch_log(), inverse_cost=cost), np.geomspace(2, 3600, 200)
    interest = target.logit(torch.from_numpy(seconds))
    assert interest.numpy() == pytest.approx(truth(seconds, cost))
    assert (interest.diff() > 0).all()
    assert target.predict(output_for(target, interest)).numpy() == pytest.approx(seconds)


def test_in_single_precision_seconds_come_back_to_a_thousandth() -> None:
    target, seconds = target_on(watch_log()), torch.linspace(2, 1200, 500)
    output = output_for(target, target.logit(seconds))
    assert torch.allclose(target.predict(output), seconds, rtol=1e-3)


def test_labels_near_nothing_share_the_edge() -> None:
    """The logit of the interest in 0 s would be -40, and its square would rule the loss."""
    target = target_on(watch_log())
    found = target.logit(torch.tensor([0.0, 1.0, 1e12]))
    assert found.tolist() == pytest.approx([-13.8155, -13.8155, 13.8155], abs=1e-3)
    assert target_on(watch_log(), edge=1e-20).logit(torch.zeros(1)).item() == pytest.approx(-40)


def test_an_output_of_0_is_the_mean_of_the_training_rows() -> None:
    log = watch_log(training=[True] * 4 + [False] * 5)
    target = target_on(log)
    assert target.centre == pytest.approx(truth(np.array([0.0, 3, 7, 10]), 40).mean())
    mean = target.predict(torch.zeros(1, dtype=torch.float64))
    assert target.logit(mean).item() == pytest.approx(target.centre)


def test_predictions_increase_from_0_and_are_numbers_at_any_output() -> None:
    target = target_on(watch_log())
    predicted = target.predict(torch.linspace(-60, 12, 400))
    assert (predicted >= 0).all() and (predicted.diff() >= 0).all()
    assert (predicted[predicted > 0].diff() > 0).all()
    for output in (-1e30, 1e30):
        assert target.predict(torch.tensor([output])).isfinite().all()


def best_constant(target: Any, labels: torch.Tensor) -> torch.Tensor:
    """Return the one output with the smallest loss, from a grid."""
    grid = torch.linspace(-4, 2, 301, dtype=torch.float64).unsqueeze(1)
    losses = target.loss(grid.expand(-1, len(labels)), labels.expand(len(grid), -1))
    return grid[losses.mean(dim=1).argmin()]


def test_censored_rows_do_not_pull_the_interest_down() -> None:
    """Counterfactual times around 40 s in videos of 5 to 60 s: most are watched to the end."""
    rng = np.random.default_rng(0)
    centre, n_rows = truth(np.array(40.0), 40), 4000
    wanted = -40 / -np.log1p(np.exp(-(centre + rng.normal(0, 0.5, n_rows)))) - 1
    duration = rng.uniform(5, 60, n_rows)
    log = watch_log(np.minimum(wanted, duration), duration)
    target = target_on(log, deviation=0.5, survival="normal", finished_weight=1)
    labels = torch.from_numpy(target.labels(log))
    assert 0.4 < (labels < 0).double().mean() < 0.9
    best, naive = (best_constant(target, of) for of in (labels, labels.abs()))
    assert target.predict(best).item() == pytest.approx(40, rel=0.05)
    assert target.predict(naive).item() < 30


def test_seconds_end_at_the_duration_and_interest_does_not() -> None:
    target = target_on(watch_log([5.0, 2, 8, 8], [5.0, 50, 8, 90]))
    users, labels = np.zeros(4, int), np.array([-5.0, 2, -8, 8])
    scores, durations = np.array([70.0, 1, 60, 30]), np.array([5.0, 50, 8, np.nan])
    found = target.measures(users, labels, scores, durations)
    assert found["mae"] == pytest.approx((0 + 1 + 0 + 22) / 4)  # 5, 1, 8 and, unlimited, 30
    assert found["xauc"] == pytest.approx(1)  # of 5 pairs of different labels
    # the answers are yes, no, yes, no: both finished rows are ahead of both others
    assert found["gauc"] == 1


def test_a_yes_is_the_end_or_beyond_the_quantile_of_training_rows() -> None:
    training = [True] * 7 + [False] * 2
    target = target_on(watch_log(training=training), quantile=0.5)
    assert target.long == np.median([0, 3, 7, 10, 10, 4, 30])
    found = target.answers(np.array([-3.0, 7, 7.1, 30, 0, np.nan]))
    assert found[:5].tolist() == [1, 0, 1, 1, 0]
    assert np.isnan(found[5])


@pytest.mark.parametrize("name", ["play", "duration"])
def test_no_later_row_moves_what_is_fitted_and_training_rows_do(name: str) -> None:
    rng = np.random.default_rng(0)
    training = np.arange(60) < 40
    log = watch_log(rng.uniform(0, 20, 60), rng.uniform(5, 30, 60), training)

    def fitted(values: Any) -> Any:
        target = target_on(replace(log, values={**log.values, name: values}))
        return (
            target.long, target.centre, target.weight_of_stopped, target.weight_of_finished
        )  # fmt: skip

    column, before = log.values[name], fitted(log.values[name])
    assert fitted(np.where(training, column, 1.0)) == before
    assert fitted(np.where(training, 1.0, column)) != before


def test_an_unexposed_item_was_stopped_at_once_and_no_label_gives_no_gradient() -> None:
    target = target_on(watch_log())
    label = torch.tensor([[0.0], [-0.0], [torch.nan]])
    output = torch.full((3, 1), 2.0, requires_grad=True)
    parts, _ = averaged(row_losses(output, label, [target]), label, [target])
    parts.sum().backward()
    assert output.grad[0] == output.grad[1] > 0
    assert output.grad[2] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"survival": "weibull"}, r"^targets\.t\.survival: expected one of logistic, normal, not"),
        ({"inverse_cost": 0}, r"^targets\.t\.inverse_cost: expected a number above 0, not 0$"),
        ({"deviation": 0}, r"^targets\.t\.deviation: expected a number above 0, not 0$"),
        ({"edge": 0.5}, r"^targets\.t\.edge: expected a number above 0, below 1/2, not 0\.5$"),
        ({"edge": "x"}, r"^targets\.t\.edge: expected a number above 0, below 1/2, not 'x'$"),
        ({"finished_weight": 0}, r"expected a number above 0, or ~ for as much as all others, no"),
        ({"quantile": 1.5}, r"^targets\.t\.quantile: expected a number from 0 to 1, not 1\.5$"),
    ],
)
def test_settings_out_of_range_are_named(settings: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        target_on(watch_log(), **settings)


def test_a_log_without_watch_times_is_refused() -> None:
    with pytest.raises(InputError, match=r"^targets\.t: say which columns tell it, such as watch"):
        target_on(log_of([[1]], 2))
