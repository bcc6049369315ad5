"""A table whose rows are shared out to the processes, and of which a step moves a few."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Iterator, Optional, Sequence, Tuple

import torch
import torch.distributed
from recbole.data.interaction import Interaction
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import ITEM_TABLES
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.tables import Opened
from recbole_poem.encoders.tables.exchange import Route, fetched, renumbered, returned, route
from recbole_poem.encoders.tables.lazy import LazyAdam, LazyAverage

#: rows whose beginning is drawn at once, by a key of their own
_DRAWN_AT_ONCE = 1 << 14


@ITEM_TABLES.register("sharded")
class Sharded(nn.Module):
    """Row i lives in process ``i mod P``; a step fetches, and moves, the rows of its batch alone.

    The rows are no weights of the model, so nobody copies or sums all of them. Gradients of a
    batch's rows go back to the owners, which move them by `LazyAdam`; `LazyAverage` follows. With
    one process nothing is sent. A checkpoint holds each process's rows in a file of its own.

    Parameters
    ----------
    settings : Settings
    n_items : int
        With the padding.
    sizes : Sizes
    n_processes : int
        P.
    """

    is_sharded: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Settings:
        """Of evaluation, which scans a shard in blocks of rows."""

        scores_at_once: int = setting(
            1 << 24, at_least(1), "scores of a block, over all histories of a batch, 4 bytes each"
        )

    def __init__(self, settings: Any, n_items: int, sizes: Sizes, n_processes: int) -> None:
        super().__init__()
        self.scores_at_once: int = settings.scores_at_once
        self.n_items, self.n_processes, self._seed = n_items, n_processes, sizes.seed
        self.rank = torch.distributed.get_rank() if n_processes > 1 else 0
        n_rows = len(range(self.rank, n_items, n_processes))
        #: (n, d) of items rank, rank + P, ...; no parameter or buffer, which processes would share
        self.rows = torch.zeros(n_rows, sizes.hidden_size)
        self.adam: Optional[LazyAdam] = None
        self.average: Optional[LazyAverage] = None
        self._read: Optional[Tuple[torch.Tensor, Route]] = None

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "Sharded":
        """Move the rows as torch moves weights."""
        super()._apply(fn, recurse)
        self.rows = fn(self.rows)
        return self

    @property
    def weight(self) -> torch.Tensor:
        """There is none.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            "item_table: sharded has no table of all items in one place; open the checkpoint, "
            "which gathers the rows"
        )

    @property
    def ids(self) -> torch.Tensor:
        """The items of the rows, (n,) int64."""
        return self.ids_of(torch.arange(len(self.rows), device=self.rows.device))

    def ids_of(self, places: torch.Tensor) -> torch.Tensor:
        """Return the items of some rows."""
        return places * self.n_processes + self.rank

    def begin(self, std: float) -> None:
        """Draw the rows, which depend on the seed and the item alone."""
        for first in range(0, self.n_items, _DRAWN_AT_ONCE):
            key = int(uniform(self._seed, Purpose.ITEM_ROWS, first) * 2**53)
            number = min(_DRAWN_AT_ONCE, self.n_items - first)
            drawn = torch.empty(number, self.rows.shape[1])
            drawn.normal_(std=std, generator=torch.Generator().manual_seed(key))
            own = drawn[(self.rank - first) % self.n_processes :: self.n_processes]
            place = -(-(first - self.rank) // self.n_processes)
            self.rows[place : place + len(own)] = own
        if self.rank == 0:
            self.rows[0] = 0

    # -- a step ------------------------------------------------------------------------------------

    def opened(self, batch: Interaction, fields: Sequence[str]) -> Opened:
        """Fetch the rows of a batch's items; all processes do so together.

        Where gradients are on they are kept for the next `step`.
        """
        batch, ids = renumbered(batch, [name for name in fields if name in batch])
        way = route(ids, self.n_processes)
        block = fetched(way, self.rows)
        if torch.is_grad_enabled():
            self._read = block.requires_grad_(), way
        return Opened(batch, block, ids)

    @torch.no_grad()
    def step(self, rate: float, decay: float = 0.0) -> None:
        """Move the rows of the last batch by their gradients.

        Parameters
        ----------
        rate : float
            Learning rate.
        decay : float
            Of the moving average; 0 = there is none.
        """
        assert self._read is not None, "no batch was opened"
        (block, way), self._read = self._read, None
        gradient = torch.zeros_like(block) if block.grad is None else block.grad
        touched, gradient = returned(way, gradient)
        self.ready(decay)
        assert self.adam is not None
        old = self.rows[touched]
        new = self.adam.moved(old, touched, gradient, rate)
        if self.average is not None:
            self.average.follow(touched, old, new)
        self.rows[touched] = new

    def ready(self, decay: float) -> None:
        """Begin with moments of 0 and, with a decay, an average, where there are none."""
        if self.adam is None:
            self.adam = LazyAdam(self.rows)
        if decay and self.average is None:
            self.average = LazyAverage(self.rows, decay)

    # -- the average -------------------------------------------------------------------------------

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it, the rows are their averages, as far as there are any."""
        self._exchange()
        try:
            yield
        finally:
            if self.average is not None:
                self.rows, self.average.average = self.average.average, self.rows

    def average_by(self, decay: float) -> None:
        """Go on with another decay, where there is an average; 0 = without one."""
        if self.average is not None and self.average.decay != decay:
            self.average.settle(self.rows)
            self.average.decay = decay
        self.average = self.average if decay else None

    def settle(self) -> None:
        """Give the rows their averages for good."""
        self._exchange()
        self.average = None

    def _exchange(self) -> None:
        if self.average is not None:
            self.average.settle(self.rows)
            self.rows, self.average.average = self.average.average, self.rows
