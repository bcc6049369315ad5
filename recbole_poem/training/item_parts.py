"""The rows of a sharded item table on disk: a file a process, beside the checkpoint.

``<checkpoint>.items/best-7-0-of-2.pth`` has the rows of process 0 of 2 after epoch 7, the best one;
``last-9-0-of-2.pth`` those of the last epoch, with what its training goes on with. The checkpoint,
which is written after them, names both sets as ``item_table``. So a kill at any moment leaves a
checkpoint whose parts are there. Each set has a token, which is drawn when it is written, and which
the checkpoint and all of its parts hold: parts of another training are refused. Whoever reads takes
its own rows of every part, whatever the number of processes; a dense model takes all.
"""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple, Union
from uuid import uuid4

import torch
import torch.distributed

from recbole_poem.core.errors import InputError
from recbole_poem.encoders.tables.lazy import LazyAdam, LazyAverage, state_of
from recbole_poem.encoders.tables.sharded import Sharded
from recbole_poem.training import checkpoint

#: of a model's weights, where all rows are in one place
_WEIGHT = "item_embedding.weight"
#: of a part: the token of its set
_TOKEN = "token"


class Parts(NamedTuple):
    """The files of one set.

    Attributes
    ----------
    kind : str
        best or last.
    epoch : int
    number : int
        Of the processes that wrote it.
    token : str
        Of this set alone; none: of a checkpoint that was written before there were tokens.
    """

    kind: str
    epoch: int
    number: int
    token: str = ""

    def file(self, path: Union[str, Path], rank: int) -> Path:
        """Return the part of a process, beside the checkpoint `path`."""
        return folder_of(path) / f"{self.kind}-{self.epoch}-{rank}-of-{self.number}.pth"


def begun(kind: str, epoch: int, number: int) -> Parts:
    """Return a set that is to be written; all of its processes call this together."""
    token = [uuid4().hex]
    if number > 1:
        torch.distributed.broadcast_object_list(token, src=0)
    return Parts(kind, epoch, number, token[0])


def folder_of(path: Union[str, Path]) -> Path:
    """Return where the parts of a checkpoint lie."""
    return Path(f"{path}.items")


def write(path: Union[str, Path], parts: Parts, table: Sharded) -> None:
    """Write the part of this process.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    state: Dict[str, Any] = {_TOKEN: parts.token, "rows": table.rows}
    if parts.kind == "last" and table.adam is not None:
        state.update(state_of(table.adam, table.average))
    checkpoint.save(parts.file(path, table.rank), state)


def tidy(path: Union[str, Path], kept: List[Parts]) -> None:
    """Remove the parts that a checkpoint does not name any more."""
    names = {parts.file(path, rank).name for parts in kept for rank in range(parts.number)}
    for file in folder_of(path).glob("*-of-*.pth"):
        if file.name not in names:
            file.unlink(missing_ok=True)


def named(state: Mapping[str, Any], kind: str) -> Parts:
    """Return the parts that a checkpoint names."""
    return Parts(kind, *state["item_table"][kind])


def told(kept: List[Parts]) -> Dict[str, List[Any]]:
    """Return how a checkpoint names parts."""
    return {parts.kind: [parts.epoch, parts.number, parts.token] for parts in kept}


# -- reading -----------------------------------------------------------------------------------


def take(path: Union[str, Path], parts: Parts, table: Sharded) -> None:
    """Give a table its rows; of the last epoch also what its training goes on with.

    Raises
    ------
    InputError
        If a part is missing, damaged, of another training, or of other items.
    """
    rows = _Rows(table.n_items, table.n_processes, table.rank)
    found: Dict[str, Any] = {}
    for rank, state in _states(path, parts):
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                rows.take(found, name, value, rank, parts, path)
            else:
                found[name] = value
    device = table.rows.device
    table.rows = found["rows"].to(device)
    if parts.kind == "best" or "mean" not in found:
        return
    table.adam = LazyAdam(table.rows[:0])
    table.adam.mean, table.adam.square = found["mean"].to(device), found["square"].to(device)
    table.adam.n_steps = found["n_steps"]
    if "average" in found:
        table.average = LazyAverage(table.rows[:0], found["decay"])
        table.average.average = found["average"].to(device)
        table.average.since = found["since"].to(device)
        table.average.n_steps = found["n_averaged"]


def gathered(path: Union[str, Path], parts: Parts) -> torch.Tensor:
    """Return all rows, (n_items, d): the whole of them in memory.

    Raises
    ------
    InputError
        As `take`.
    """
    states = list(_states(path, parts))
    n_items = sum(len(state["rows"]) for _, state in states)
    rows = _Rows(n_items, 1, 0)
    found: Dict[str, torch.Tensor] = {}
    for rank, state in states:
        rows.take(found, "rows", state["rows"], rank, parts, path)
    return found["rows"]


class _Rows(NamedTuple):
    """The rows of one process of those that read."""

    n_items: int
    n_processes: int
    rank: int

    def take(
        self,
        found: Dict[str, Any],
        name: str,
        part: torch.Tensor,
        rank: int,
        parts: Parts,
        path: Union[str, Path],
    ) -> None:
        """Put the own rows of a part of process `rank` to their places in ``found[name]``."""
        ids = torch.arange(rank, self.n_items, parts.number)
        if len(ids) != len(part):
            raise InputError(
                f"{parts.file(path, rank)}: has {len(part):,} rows, and of {self.n_items:,} items "
                f"it should have {len(ids):,}; it is of another checkpoint"
            )
        if name not in found:
            n_rows = len(range(self.rank, self.n_items, self.n_processes))
            found[name] = part.new_zeros(n_rows, *part.shape[1:])
        own = ids % self.n_processes == self.rank
        found[name][ids[own] // self.n_processes] = part[own]


def _states(path: Union[str, Path], parts: Parts) -> Iterator[Tuple[int, Dict[str, Any]]]:
    """Read the parts one after the other; the system may drop what is not used."""
    if not parts.token:
        raise InputError(
            f"{path}: was written by another version of recbole_poem, whose item rows are tied to "
            "no checkpoint; train it again"
        )
    for rank in range(parts.number):
        file = parts.file(path, rank)
        if not file.is_file():
            raise InputError(
                f"{path}: its item rows are missing ({file}); copy the folder {folder_of(path)} "
                "along with the checkpoint"
            )
        checkpoint.check_sums(file)
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        if state.pop(_TOKEN, None) != parts.token:
            raise InputError(
                f"{file}: its item rows were not written with {path}, but by another training; "
                "copy the file and its folder from the same place"
            )
        yield rank, state


# -- who reads ---------------------------------------------------------------------------------


def dense_keys(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the keys with which a checkpoint is opened: all rows in one place, to be read."""
    return {"item_table": "dense"} if state.get("item_table") is not None else {}


def check_goes_on(model: Any, state: Mapping[str, Any], path: Union[str, Path]) -> None:
    """Refuse to go on with rows in parts in a model that has them in one place.

    Raises
    ------
    InputError
        If the checkpoint's item table is sharded and the model's is not.
    """
    table = getattr(model, "item_embedding", None)
    if state.get("item_table") is not None and not isinstance(table, Sharded):
        raise InputError(
            f"{path}: was trained with item_table sharded; leave the key out, or train again"
        )


def best_weights(model: Any, state: Mapping[str, Any], path: Union[str, Path]) -> Dict[str, Any]:
    """Return the weights of the best epoch as a model has them; a sharded table takes its own rows.

    Raises
    ------
    InputError
        If the model's table is sharded and the checkpoint's is not, and as `take`.
    """
    weights: Dict[str, Any] = state["state_dict"]
    table = getattr(model, "item_embedding", None)
    in_parts = state.get("item_table") is not None
    if not isinstance(table, Sharded):
        return {**weights, _WEIGHT: gathered(path, named(state, "best"))} if in_parts else weights
    if not in_parts:
        raise InputError(
            f"{path}: was trained with item_table dense; leave the key out, or train again"
        )
    take(path, named(state, "best"), table)
    return weights
