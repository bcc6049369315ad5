"""The exact softmax of a batch, forward and backward on the CPU: autograd's own against ours.

``by definition`` scores each request for itself, trends included, and leaves the way back to
autograd. ``ours`` is what training calls. States, items and the weights of trends learn on both
sides, and both find the same.
"""

import statistics
from typing import Callable, Dict, List

import measure
import torch

from recbole_poem.logits.scoring import Calendar, Items, of_state
from recbole_poem.losses.softmax import full_log_probability

DIMENSION, STEPS = 64, 336  # two weeks of hours
Learn = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def sides(n_requests: int, n_items: int, n_trends: int) -> Dict[str, Callable[[], List]]:
    """Return both sides: each learns of one positive a request, and returns the gradients."""
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(n_requests, DIMENSION, generator=generator)
    embedding = torch.randn(n_items, DIMENSION, generator=generator)
    trend = torch.randn(n_trends, STEPS, n_items, generator=generator)
    weight = torch.ones(n_trends)
    step = torch.randint(STEPS, (n_requests,), generator=generator)
    positive = torch.randint(1, n_items, (n_requests, 1), generator=generator)

    def by_definition(
        state: torch.Tensor, embedding: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        logits = state @ embedding.T
        for each, kind in zip(weight, trend):
            logits = logits + each * kind[step]
        logits[:, 0] = -torch.inf
        return logits.log_softmax(dim=1).gather(1, positive)

    def ours(state: torch.Tensor, embedding: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        calendars = (Calendar(trend, weight, 0),) if n_trends else ()
        steps = step.unsqueeze(1)[:, : len(calendars)]
        asked = of_state(state.unsqueeze(1), steps)
        return full_log_probability(asked, Items(embedding, calendars), positive)

    def gradients(side: Learn) -> List:
        learnt = [each.clone().requires_grad_() for each in (state, embedding, weight)]
        side(*learnt).mean().backward()
        return [each.grad for each in learnt if each.grad is not None]

    return {
        "by definition": lambda: gradients(by_definition),
        "ours": lambda: gradients(ours),
    }


def main() -> None:
    """Measure both sides in turn on one thread, without trends and with two."""
    options = measure.parser(__doc__).parse_args()
    torch.set_num_threads(1)
    n_requests, n_items, pairs = (200, 1_000, 2) if options.quick else (4_000, 7_000, 9)
    result = {}
    for n_trends in (0, 2):
        both = sides(n_requests, n_items, n_trends)
        torch.testing.assert_close(both["ours"](), both["by definition"](), atol=1e-5, rtol=1e-4)
        timed = {name: lambda side=side: measure.seconds(side) for name, side in both.items()}
        measured = measure.paired(timed, pairs)
        result[f"{n_trends} trends"] = {
            "seconds": {name: statistics.median(taken) for name, taken in measured.items()},
            "definition_over_ours": measure.ratio(measured["by definition"], measured["ours"]),
        }
    measure.record("exact_softmax", result, options.quick)


if __name__ == "__main__":
    measure.main(globals())
