"""The parts that a request cache lies in on disk: a folder of plain arrays for a range of rankings.

Of the candidates of all its rankings, one ranking after the other::

    items.npy    (C,)        int32, item ids
    values.npy   (C, M)      what each objective says, see `ragged`
    stages.npy   (C,)        uint8, how far each came; only where the source knows
    lengths.npy  (n,)        candidates of each ranking
    part.json                the key of the cache, the range, checksums, processor seconds

Whoever ranks a part writes it, under another name, and renames it whole.
"""

import hashlib
import json
import time
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import torch

from recbole_poem.cache.rankings import Rankings, Ranks
from recbole_poem.core.files import whole_folder
from recbole_poem.fusion.scores.reciprocal_rank import competition_ranks

_PER_PART = 4096  # rankings at least
_MOST = 256  # parts; each holds files open


class DamagedPartError(Exception):
    """A part that is not there, or not as it was written; the words say why."""


class Range(NamedTuple):
    """Rankings `begin` to `end` - 1 of a cache, which one part holds."""

    number: int
    begin: int
    end: int

    @property
    def name(self) -> str:
        """That of the part's folder."""
        return f"part-{self.number:05d}"


def ranges(n_rankings: int, size: int) -> List[Range]:
    """Cut so many rankings into parts of `size`."""
    begins = range(0, n_rankings, size)
    return [Range(i, at, min(at + size, n_rankings)) for i, at in enumerate(begins)]


def usual_size(n_rankings: int) -> int:
    """Return how many rankings a part has; the number of workers has no say in it."""
    return max(_PER_PART, -(-n_rankings // _MOST))


class Part(NamedTuple):
    """The arrays of a part, memory-mapped but for the lengths; see the module."""

    items: np.ndarray
    values: np.ndarray
    lengths: np.ndarray
    stages: Optional[np.ndarray] = None


class Spent(NamedTuple):
    """Processor seconds: of ranking a part, and of what had to be estimated before the first."""

    ranking: float
    estimating: float


class Order(NamedTuple):
    """What a worker has to know to write the parts of a cache; it travels to other processes.

    Attributes
    ----------
    ranks : Ranks
    path : Path
        Of the cache; all workers have to share it.
    key : str
        The fingerprint of the cache.
    raw_scores : bool
    chunk : int
        Rankings made at a time.
    estimating : float
        Processor seconds that were spent before.
    made : (n_rankings,) bool, optional
        Those that are made; the others stay empty. None = all.
    """

    ranks: Ranks
    path: Path
    key: str
    raw_scores: bool
    chunk: int
    estimating: float
    made: Optional[np.ndarray] = None


def ragged(rankings: Rankings, raw_scores: bool) -> Dict[str, np.ndarray]:
    """Return the arrays of a part for rankings that are padded; 0 = no candidate.

    The values are float32 scores as they came, or competition ranks: 1 + the number of candidates
    of the ranking with a higher score, in one byte where no ranking has more than 255 candidates.
    """
    items, scores, stages = rankings
    there = items > 0
    values = scores.astype("<f4")
    lengths = there.sum(axis=1)
    small = np.min_scalar_type(int(lengths.max(initial=0))).newbyteorder("<")
    if not raw_scores:
        values = competition_ranks(torch.from_numpy(values), torch.from_numpy(there)).numpy()
    content = {
        "items": items[there].astype("<i4"),
        "values": values[there] if raw_scores else values[there].astype(small),
        "lengths": lengths.astype(small),
    }
    return content if stages is None else {**content, "stages": stages[there].astype(np.uint8)}


def write_part(order: Order, part: Range) -> int:
    """Rank a range and write its part; return the number of rankings that were made.

    Raises
    ------
    OSError
        If it cannot be written; nothing stays under the part's name.
    """
    since = time.thread_time()
    made = np.arange(part.begin, part.end)
    if order.made is not None:
        made = made[order.made[part.begin : part.end]]
    pieces = []
    for begin in range(0, max(len(made), 1), order.chunk):
        rankings = Rankings(*order.ranks.rank(made[begin : begin + order.chunk]))
        pieces.append(ragged(rankings, order.raw_scores))
    content = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    lengths = np.zeros(part.end - part.begin, content["lengths"].dtype)
    lengths[made - part.begin] = content["lengths"]
    content["lengths"] = lengths
    with whole_folder(order.path / part.name) as folder:
        sums = {}
        for name, array in content.items():
            with (folder / f"{name}.npy").open("wb") as file:
                sums[name] = save(file, array)
        spent = Spent(time.thread_time() - since, order.estimating)
        meta = {"key": order.key, "range": part, "sums": sums, "spent": spent}
        (folder / "part.json").write_text(json.dumps(meta))
    return len(made)


def open_part(path: Path, key: str, part: Range, is_checked: bool) -> Tuple[Part, Spent]:
    """Open a part of the cache at `path`.

    Parameters
    ----------
    path : Path
    key : str
        Of the cache.
    part : Range
    is_checked : bool
        Whether its content is compared with the checksums.

    Raises
    ------
    DamagedPartError
    """
    folder = path / part.name
    if not folder.is_dir():
        raise DamagedPartError(f"{part.name} is missing")
    try:
        meta: Dict[str, Any] = json.loads((folder / "part.json").read_text())
        if meta["key"] != key or meta["range"] != list(part):
            raise DamagedPartError(f"{part.name} is of another cache")
        for name, checksum in meta["sums"].items():
            if is_checked and checksum_of(folder / f"{name}.npy") != checksum:
                raise DamagedPartError(f"{part.name}/{name}.npy was changed or cut short")
        arrays = {
            name: np.load(folder / f"{name}.npy", None if name == "lengths" else "r")
            for name in meta["sums"]
        }
        return Part(**arrays), Spent(*meta["spent"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedPartError(f"{part.name} cannot be read: {error}") from error


def save(file: IO[bytes], array: np.ndarray) -> str:
    """Write an array as ``.npy``, and return the checksum of the file.

    On a full disk ``np.save`` would not say why it fails.
    """
    held, head = np.ascontiguousarray(array), BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(held))
    digest = hashlib.blake2b(head.getvalue(), digest_size=32)
    digest.update(held.data)
    file.write(head.getvalue())
    file.write(held.data)
    return digest.hexdigest()


def checksum_of(path: Path) -> str:
    """Return the checksum of a file."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            digest.update(block)
    return digest.hexdigest()
