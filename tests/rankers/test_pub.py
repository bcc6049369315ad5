"""PUB as an optimizer: against a slow reference, and in whole runs."""

from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import torch
from torch import nn
from toy_exposures import TINY, TINY_NETWORK, TINY_POEM, exposure_log, write_exposures

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import made
from recbole_poem.rankers.balance import balanced_weights
from recbole_poem.rankers.optimizers.pub import BalancedAdam, UpdateBalancing
from recbole_poem.training.config import Config
from recbole_poem.training.quick_start import load, run_recbole_poem

RATE, DECAY = 0.01, 0.1


class TwoTowers(nn.Module):
    """A shared layer, a row of an embedding for each task's input, and a head a task."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.shared, self.heads = nn.Linear(3, 4), nn.ModuleList(nn.Linear(4, 1) for _ in range(2))

    def losses(self, x: torch.Tensor) -> List[torch.Tensor]:
        hidden = self.shared(x).tanh()
        first, second = (head(hidden).squeeze(-1) for head in self.heads)
        return [((first - x[:, 0]) ** 2).mean(), 7 * ((second + x[:, 1]) ** 2).mean()]


def batches(n: int) -> List[torch.Tensor]:
    return list(torch.randn(8, 8, 3, generator=torch.Generator().manual_seed(1)))[:n]


def balancing(**settings: Any) -> UpdateBalancing:
    return UpdateBalancing(made(UpdateBalancing.Settings, settings, "ranker_optimizer"))


def usual(**more: Any) -> Any:
    return lambda parameters: torch.optim.Adam(parameters, lr=RATE, **more)


def trained(
    n_steps: int, only: Tuple[int, ...] = (0, 1), **settings: Any
) -> Tuple[TwoTowers, BalancedAdam]:
    """Train for some steps; the targets that are not in `only` have a loss of 0."""
    model, pub = TwoTowers(), balancing(**settings)
    parameters = list(model.parameters())
    optimizer = pub.optimizer(parameters, usual(weight_decay=DECAY))
    for x in batches(n_steps):
        losses = [loss * float(t in only) for t, loss in enumerate(model.losses(x))]
        pub.backward(losses, parameters)
        optimizer.step()
    return model, optimizer


def reference(n_steps: int, every: int = 1) -> List[np.ndarray]:
    """The two shared parameters, by the equations of the paper, one weight after the other."""
    model, weights = TwoTowers(), np.ones(2)
    parameters = list(model.parameters())
    mean = [np.zeros(p.shape) for p in parameters]
    square = [np.zeros(p.shape) for p in parameters]
    for k, x in enumerate(batches(n_steps), start=1):
        gradients = [
            [np.zeros(p.shape) if g is None else g.double().numpy() for p, g in
             zip(parameters, torch.autograd.grad(loss, parameters, allow_unused=True,
                                                 retain_graph=True))]
            for loss in model.losses(x)
        ]  # fmt: skip
        updates = [
            [
                (0.9 * m + 0.1 * g) / (1 - 0.9**k)
                / (np.sqrt((0.999 * v + 0.001 * g**2) / (1 - 0.999**k)) + 1e-8)
                for g, m, v in zip(of, mean, square)
            ]
            for of in gradients
        ]  # fmt: skip
        rows = np.stack([np.concatenate([d.ravel() for d in of[:2]]) for of in updates])
        if (k - 1) % every == 0:
            weights = balanced_weights(rows @ rows.T / rows.shape[1], 1e-6, 100)
        with torch.no_grad():
            for i, parameter in enumerate(parameters):
                weigh = weights if i < 2 else np.ones(2)  # a head is one target's alone
                move = sum(a * of[i] for a, of in zip(weigh, updates))
                followed = sum(a * of[i] for a, of in zip(weigh, gradients))
                if i >= 2:  # the other target's update would be momentum alone
                    m, v = 0.9 * mean[i] + 0.1 * followed, 0.999 * square[i] + 0.001 * followed**2
                    move = m / (1 - 0.9**k) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
                mean[i] = 0.9 * mean[i] + 0.1 * followed
                square[i] = 0.999 * square[i] + 0.001 * followed**2
                parameter.mul_(1 - RATE * DECAY).sub_(torch.from_numpy(RATE * move).float())
    return [parameter.detach().numpy() for parameter in parameters]


@pytest.mark.parametrize("every", [1, 3])
def test_it_does_what_the_equations_say(every: int) -> None:
    model, _ = trained(8, every=every)
    for parameter, expected in zip(model.parameters(), reference(8, every)):
        assert np.allclose(parameter.detach().numpy(), expected, atol=1e-5)


def test_a_target_without_a_gradient_takes_no_part() -> None:
    """One target is left, so nothing is shared: Adam of it, with decay on what it reaches."""
    model, _ = trained(5, only=(1,))
    plain = TwoTowers()
    adam = torch.optim.Adam(plain.parameters(), lr=RATE)
    for x in batches(5):
        adam.zero_grad()
        plain.losses(x)[1].backward()
        with torch.no_grad():
            for parameter in plain.parameters():
                parameter.mul_(1 - RATE * DECAY)
        adam.step()
    for found, expected in zip(model.parameters(), plain.parameters()):
        assert torch.allclose(found, expected, atol=1e-6)


def test_the_first_step_moves_shared_weights_by_the_root_of_the_number_of_targets() -> None:
    model, pub = TwoTowers(), balancing()
    parameters = list(model.parameters())
    before = [parameter.detach().clone() for parameter in parameters[:2]]
    optimizer = pub.optimizer(parameters, usual())
    pub.backward(model.losses(batches(1)[0]), parameters)
    optimizer.step()
    moves = torch.cat([(p.detach() - b).flatten() for p, b in zip(parameters, before)])
    assert (moves**2).mean().sqrt().item() == pytest.approx(RATE * np.sqrt(2), rel=1e-4)


def test_it_goes_on_from_its_state() -> None:
    model, _ = trained(6, every=4)
    half, optimizer = trained(3, every=4)
    pub, parameters = balancing(every=4), list(half.parameters())
    again = pub.optimizer(parameters, usual(weight_decay=DECAY))
    again.load_state_dict(optimizer.state_dict())
    for x in batches(6)[3:]:
        pub.backward(half.losses(x), parameters)
        again.step()
    for found, expected in zip(half.parameters(), model.parameters()):
        assert torch.equal(found, expected)


def test_rows_that_no_target_reaches_do_not_count() -> None:
    """The same steps, whether an embedding has rows beside or not."""
    found = []
    for n_rows in (4, 400):
        torch.manual_seed(3)
        rows, head = torch.randn(4, 5), torch.randn(2, 5)
        table, pub = nn.Parameter(torch.zeros(n_rows, 5)), balancing()
        with torch.no_grad():
            table[:4] = rows
        optimizer = pub.optimizer([table], usual())
        for step in range(4):
            used = table[[step, 3]] @ head.T  # (2, T)
            pub.backward([(used[:, 0] ** 2).sum(), (used[:, 1] - 1).abs().sum()], [table])
            optimizer.step()
        found.append(table.detach()[:4])
    assert torch.allclose(*found, atol=1e-6)


@pytest.fixture
def keys(write_dataset: Any) -> Dict[str, Any]:
    ranker = {"model": "MultiTaskRanker", **TINY, "ranker": TINY_NETWORK, "learning_rate": 0.002}
    return {**write_exposures(write_dataset, exposure_log()), **ranker, "ranker_optimizer": "pub"}


@pytest.mark.parametrize("network", ["mmoe", "shared_bottom", "ektm"])
def test_a_run_with_any_ranker_saves_and_resumes(keys: Dict[str, Any], network: str) -> None:
    given = {**keys, "ranker": network, "train_batch_size": 32, "ema_decay": 0.9}
    whole = run_recbole_poem(config_dict={**given, "epochs": 3})
    half = run_recbole_poem(config_dict={**given, "epochs": 2})
    resumed = run_recbole_poem(config_dict={"resume": half["model_file"], "epochs": 3})
    assert resumed["test_result"] == whole["test_result"]
    assert load(whole["model_file"]).evaluate("test") == whole["test_result"]
    plain = run_recbole_poem(config_dict={**given, "epochs": 3, "ranker_optimizer": "none"})
    assert plain["test_result"] != whole["test_result"]


def test_two_processes_do_what_one_does(keys: Dict[str, Any]) -> None:
    given = {**keys, "train_batch_size": 256, "epochs": 4}  # all exposures in a batch
    given["ranker"] = {**TINY_NETWORK, "dropout": 0.0}
    one = run_recbole_poem(config_dict=given)["best_valid_result"]
    two = run_recbole_poem(config_dict={**given, "nproc": 2})
    assert two["best_valid_result"] == pytest.approx(one, abs=1e-4)
    # which is not what Adam would have done
    plain = run_recbole_poem(config_dict={**given, "ranker_optimizer": "none"})
    assert plain["best_valid_result"] != pytest.approx(one, abs=1e-4)


def test_the_rankers_of_time_blocks_learn_by_it(keys: Dict[str, Any]) -> None:
    given = {**keys, **TINY_POEM, "model": "Upstream", "epochs": 1}
    folders = set()
    for optimizer in ("none", "pub"):
        found = run_recbole_poem(config_dict={**given, "ranker_optimizer": optimizer})
        folders.add(load(found["model_file"]).train_data._dataset.cache.path)
    assert len(folders) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip_grad_norm": {"max_norm": 1}}, r"^clip_grad_norm: ranker_optimizer takes the "),
        ({"ranker_optimizer": "pbu"}, r"^ranker_optimizer: there is no 'pbu'.*pub"),
        ({"ranker_optimizer.largest": 0}, r"^ranker_optimizer\.largest: expected a number above 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    keys: Dict[str, Any], changes: Dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Config(config_dict={**keys, **changes})


def test_another_learner_is_refused(keys: Dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^learner: .* pub balances the updates of adam"):
        run_recbole_poem(config_dict={**keys, "learner": "sgd"})
