"""Forward and backward through dropout on the CPU: torch's `nn.Dropout` against the model's."""

import statistics
from typing import Callable

import measure
import torch
from torch import nn

from recbole_poem.core.dropout import Dropout

SHAPE = (40, 50, 64)  # a batch of windows: (B, L, d)


def milliseconds(layer: nn.Module, repeats: int) -> Callable[[], float]:
    """Return a turn that trains through the layer and says how long a pass took."""
    values = torch.randn(SHAPE, requires_grad=True)

    def passes() -> None:
        for _ in range(repeats):
            layer(values).sum().backward()

    return lambda: 1e3 * measure.seconds(passes) / repeats


def main() -> None:
    """Measure both layers in turn on one thread."""
    options = measure.parser(__doc__).parse_args()
    torch.set_num_threads(1)
    repeats, pairs = (20, 2) if options.quick else (200, 9)
    sides = {"torch": milliseconds(nn.Dropout(0.5), repeats)}
    sides["ours"] = milliseconds(Dropout(0.5), repeats)
    measured = measure.paired(sides, pairs)
    result = {side: statistics.median(taken) for side, taken in measured.items()}
    ratio = measure.ratio(measured["torch"], measured["ours"])
    measure.record("dropout", {"milliseconds": result, "torch_over_ours": ratio}, options.quick)


if __name__ == "__main__":
    measure.main(globals())
