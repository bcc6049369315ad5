"""How a training gets on: a line per epoch, and on a terminal a bar over its batches.

A trainer tells a `Progress`; by itself it tells nobody. Epochs are counted from 1 here.
"""

import time
from typing import Any, Dict, Optional, Protocol

from tqdm import tqdm

from recbole_poem.core.run_log import NAME_WIDTH, say


class Progress(Protocol):
    """Who is told how a training gets on."""

    def begin(self, epoch: int, n_batches: int) -> None:
        """Hear that an epoch begins, counted from 0."""

    def learned(self) -> None:
        """Hear that a batch was learned from."""

    def trained(self, losses: Dict[str, float], is_over: bool) -> None:
        """Hear the sums of the parts of the loss, and whether no validation follows."""

    def validated(self, score: float, best: float, best_epoch: int, waited: int) -> None:
        """Hear a validation score, the best so far, its epoch, and evaluations since then."""

    def end(self) -> None:
        """Hear that training is over, by itself or not."""


class Quiet:
    """Tells nobody."""

    def begin(self, epoch: int, n_batches: int) -> None:
        """Say nothing."""

    def learned(self) -> None:
        """Say nothing."""

    def trained(self, losses: Dict[str, float], is_over: bool) -> None:
        """Say nothing."""

    def validated(self, score: float, best: float, best_epoch: int, waited: int) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


class EpochLines:
    """Says a line per epoch: score, best score and its epoch, patience, time, parts of the loss.

    Parameters
    ----------
    config : Config
        Of which ``show_progress`` asks for the bar.
    """

    def __init__(self, config: Any) -> None:
        self._n_epochs, self._patience = config["epochs"], config["stopping_step"]
        self._metric, self._shows = config["valid_metric"], bool(config["show_progress"])
        self._bar: Optional[Any] = None
        self._best, self._epoch, self._begin, self._losses = "", 0, 0.0, ""

    def begin(self, epoch: int, n_batches: int) -> None:
        """Show a bar over the batches of an epoch."""
        self._epoch, self._begin = epoch + 1, time.monotonic()
        name = f"{'epoch':{NAME_WIDTH}} {self._counted()}"
        hidden = not self._shows
        self._bar = tqdm(
            total=n_batches, desc=name, unit="batch", leave=False, disable=hidden, ncols=100
        )
        self._bar.set_postfix_str(self._best, refresh=False)

    def learned(self) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.update()

    def trained(self, losses: Dict[str, float], is_over: bool) -> None:
        """Keep the losses for the line, and say it where no validation follows."""
        parts = [f"{name} {loss:.4g}".strip() for name, loss in losses.items()]
        self._losses = f"loss {', '.join(parts)}"
        if is_over:
            self._say("")
        elif self._bar is not None:
            self._bar.set_description_str(f"{'validate':{NAME_WIDTH}} {self._counted()}")

    def validated(self, score: float, best: float, best_epoch: int, waited: int) -> None:
        """Say the line of an epoch."""
        self._best = f"best {best:.4f} (epoch {best_epoch + 1})"
        left = max(self._patience - waited, 0)
        self._say(f"{self._metric} {score:.4f}  {self._best}  patience {left}  ")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, scores: str) -> None:
        self.end()
        seconds = time.monotonic() - self._begin
        say("epoch", f"{self._counted()}  {scores}{seconds:.1f} s  {self._losses}")

    def _counted(self) -> str:
        return f"{self._epoch:>{len(str(self._n_epochs))}}/{self._n_epochs}"
