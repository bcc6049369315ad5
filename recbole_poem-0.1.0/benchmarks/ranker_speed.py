"""What rankers cost: scores of a request's candidates, and a step of training.

The sides of the first part are networks behind the same features: MMoE, a shared bottom, EKTM and
A2Gen, whose targets are all actions; A2Gen behind a history that knows its actions; and MMoE that
also reads users alike and what they liked (``rar``), counters of items (``item_statistics``), or
two columns of the request (``request_context``), of a million rows. Those of the second are one
step of MMoE at four targets: by Adam; by PUB, which solves for its weights in each step; and by PUB
that keeps them. Beside it stand the solution alone, and a step by Adam with each input.
"""

from typing import Any, Callable, Dict, List

import measure
import numpy as np
import torch
from torch import nn

from recbole_poem.core.stages import RANKER_INPUTS, RANKERS
from recbole_poem.log.requests import RequestLog, first_rows
from recbole_poem.rankers.balance import balanced_weights
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.features import RankingFeatures
from recbole_poem.rankers.inputs import Known
from recbole_poem.rankers.optimizers.pub import UpdateBalancing
from recbole_poem.rankers.ranking_requests import RankingRequests

N_USERS, N_ITEMS, N_ROWS, N_RECENT = 25_000, 6_000, 1_000_000, 20
HIDDEN_SIZE = 32
CANDIDATES, REQUESTS, ROWS = 100, 64, 2048
N_TARGETS = {"scores": 5, "steps": 4}
INPUTS: Dict[str, Any] = {"context": {"request_context": {"columns": ["device", "tab"]}}}


class Ranker(nn.Module):
    """The features of ``MultiTaskRanker`` at its sizes, ten columns a table, and a network.

    Behind a plus stands an input, ``mmoe + rar``, or a key of `INPUTS`.
    """

    def __init__(self, name: str, n_targets: int, pooling: str = "attention") -> None:
        super().__init__()
        torch.manual_seed(0)
        network, _, of_input = name.partition(" + ")
        users, items = _fields("user", N_USERS), _fields("item", N_ITEMS)
        choices = RANKER_INPUTS.choose(INPUTS.get(of_input, of_input or "none"), "ranker_input")
        known = _known(users[1:], n_targets)
        inputs = {each: choice.make(known, HIDDEN_SIZE) for each, choice in choices.items()}
        actions = range(n_targets)
        self.features = RankingFeatures(users, items, 16, HIDDEN_SIZE, pooling, 0, actions, inputs)
        choice = RANKERS.choose(network, "ranker")
        self.network = choice.make(self.features.output_size, n_targets)

    def forward(self, requests: RankingRequests) -> torch.Tensor:
        """Compute the outputs (R, N, M)."""
        return self.network(self.features(requests))


def _fields(name: str, n_rows: int) -> List[Field]:
    columns = [torch.arange(n_rows), *(torch.randint(1, 50, (n_rows,)) for _ in range(9))]
    return [Field(f"{name}{number}", "token", of) for number, of in enumerate(columns)]


def _known(user_columns: List[Field], n_targets: int) -> Known:
    rng = np.random.default_rng(0)
    user, time = rng.integers(1, N_USERS, N_ROWS), rng.integers(10**9, size=N_ROWS)
    order = np.lexsort([time, user])
    user, time, item = user[order], time[order], rng.integers(1, N_ITEMS, N_ROWS)
    known = np.ones(N_ROWS, dtype=bool)
    log = RequestLog(user, item, time.astype(float), first_rows(user), {}, N_USERS, N_ITEMS, known)
    answers = (rng.random((N_ROWS, n_targets)) < 0.3).astype(np.float32)
    context = [Field(name, "token", torch.arange(N_ROWS) % 10) for name in ("device", "tab")]
    return Known(log, time, known, answers, user_columns, context, lambda name: 10, _untold, 0)


def _untold(column: str) -> np.ndarray:
    return np.full(N_ITEMS, np.nan)


def requests(n_requests: int, n_candidates: int, n_targets: int) -> RankingRequests:
    """Draw requests."""
    return RankingRequests(
        torch.randint(N_USERS, (n_requests,)),
        torch.randint(1, N_ITEMS, (n_requests, n_candidates)),
        torch.randint(1, N_ITEMS, (n_requests, N_RECENT)),
        torch.randint(10**9, (n_requests,)),
        torch.randint(10**5, (n_requests,)),
        torch.randint(2, (n_requests, N_RECENT, n_targets)).float(),
        torch.randint(10, (n_requests, 2)).double(),
    )


def scoring(name: str, pooling: str, repeats: int) -> Callable[[], float]:
    """Return a turn that scores requests and says how long one took, in milliseconds."""
    n_targets = N_TARGETS["scores"]
    ranker = Ranker(name, n_targets, pooling).eval()
    asked = requests(REQUESTS, CANDIDATES, n_targets)

    @torch.no_grad()
    def score() -> None:
        for _ in range(repeats):
            ranker(asked)

    return lambda: 1e3 * measure.seconds(score) / repeats / REQUESTS


def stepping(optimizer: str, repeats: int, name: str = "mmoe") -> Callable[[], float]:
    """Return a turn that trains and says how long a step took, in milliseconds."""
    n_targets = N_TARGETS["steps"]
    ranker, asked = Ranker(name, n_targets), requests(ROWS, 1, n_targets)
    labels = torch.randint(2, (ROWS, n_targets)).float()
    parameters = list(ranker.parameters())
    balancing = UpdateBalancing(UpdateBalancing.Settings(every=1 if optimizer == "pub" else 10**9))
    if optimizer == "adam":
        moved: Any = torch.optim.Adam(parameters)
    else:
        moved = balancing.optimizer(parameters, torch.optim.Adam)

    def step() -> None:
        for _ in range(repeats):
            rows = nn.functional.binary_cross_entropy_with_logits(
                ranker(asked)[:, 0], labels, reduction="none"
            )
            moved.zero_grad()
            if optimizer == "adam":
                rows.mean(dim=0).sum().backward()
            else:
                balancing.backward(list(rows.mean(dim=0)), parameters)
            moved.step()

    return lambda: 1e3 * measure.seconds(step) / repeats


def solving(repeats: int) -> Callable[[], float]:
    """Return a turn that solves for the weights and says how long it took, in milliseconds."""
    updates = np.random.default_rng(0).normal(size=(repeats, N_TARGETS["steps"], 1000)) + 0.5
    grams = updates @ updates.transpose(0, 2, 1) / 1000
    usual = UpdateBalancing.Settings()

    def solve() -> None:
        for gram in grams:
            balanced_weights(gram, usual.ridge, usual.largest)

    return lambda: 1e3 * measure.seconds(solve) / repeats


def main() -> None:
    """Measure all sides in turn on one thread."""
    options = measure.parser(__doc__).parse_args()
    torch.set_num_threads(1)
    repeats, pairs = (1, 2) if options.quick else (4, 9)
    inputs = ("rar", "item_statistics", "context")
    names = ("mmoe", "shared_bottom", "ektm", "a2gen", *(f"mmoe + {name}" for name in inputs))
    networks = {name: (name, "attention") for name in names}
    networks["a2gen, actions"] = ("a2gen", "actions")
    scores = measure.paired({name: scoring(*of, repeats) for name, of in networks.items()}, pairs)
    sides = {name: stepping(name, repeats) for name in ("adam", "pub", "pub without solving")}
    sides.update({name: stepping("adam", repeats, f"mmoe + {name}") for name in inputs})
    steps = measure.paired({**sides, "solution": solving(50 * repeats)}, pairs)
    steps_of_pub = steps["pub"]
    result: Dict[str, Any] = {
        "milliseconds a request": {name: measure.spread(taken) for name, taken in scores.items()},
        **{
            f"{name} over mmoe": measure.ratio(scores[name], scores["mmoe"])
            for name in ("ektm", "a2gen", "a2gen, actions", *(f"mmoe + {each}" for each in inputs))
        },
        "milliseconds a step": {name: measure.spread(taken) for name, taken in steps.items()},
        "solution over pub": measure.ratio(steps["solution"], steps_of_pub),
        "pub over pub without solving": measure.ratio(steps_of_pub, steps["pub without solving"]),
        **{f"{name} over adam": measure.ratio(steps[name], steps["adam"]) for name in inputs},
        "pub over adam": measure.ratio(steps_of_pub, steps["adam"]),
    }
    measure.record("ranker_speed", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
