"""The ranks of a run on disk: of every test row the rank of its target, and nothing else.

``ranks.npz`` lies in the folder of the run and holds

``rank_masked`` : (R,) int
    Rank of the target where seen items are ranked last, 1 = first.
``places_gained`` : (R,) int
    What the target gains by that: its rank where seen items are ranked like all others, less
    ``rank_masked``.
``rows`` : () str
    The digest of the test rows.

``rows-<digest>.npz`` lies beside the folders of the runs and holds ``user`` and ``target``,
(R,) str, ``seen``, (R,) bool, and ``n_before``, (R,) int (`Ranks`). Files of former versions lack
the last two. Runs on the same test rows share it. The name is a digest of what it holds, so no run
can be read with the rows of another. Whole numbers are of the smallest type that holds them all.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import whole_file


class Ranks(NamedTuple):
    """What a run gave each of R test rows.

    Attributes
    ----------
    user, target : (R,) str
        Raw tokens.
    rank : dict of protocol to (R,) int
        ``masked`` and ``recbole``; 1 = first.
    seen : (R,) bool, optional
        Whether the user had dealt with the target before. None = not recorded.
    n_before : (R,) int, optional
        Rows of the user before the test row. None = not recorded.
    """

    user: np.ndarray
    target: np.ndarray
    rank: Dict[str, np.ndarray]
    seen: Optional[np.ndarray] = None
    n_before: Optional[np.ndarray] = None


def write_ranks(folder: Path, ranks: Ranks) -> None:
    """Write ``ranks.npz`` of a run, and the test rows beside its folder.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    rows = {"user": ranks.user, "target": ranks.target}
    if ranks.seen is not None and ranks.n_before is not None:
        rows.update(seen=ranks.seen, n_before=_smallest(ranks.n_before))
    digest = _digest(rows)
    with whole_file(_rows_path(folder, digest)) as file:
        np.savez_compressed(file, **rows)
    masked, recbole = (ranks.rank[name].astype(np.int64) for name in ("masked", "recbole"))
    with whole_file(folder / "ranks.npz") as file:
        np.savez_compressed(
            file,
            rank_masked=_smallest(masked),
            places_gained=_smallest(recbole - masked),
            rows=np.array(digest),
        )


def read_ranks(folder: Path) -> Ranks:
    """Read ``ranks.npz`` of a run, and its test rows.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    path = folder / "ranks.npz"
    names = ("rank_masked", "places_gained", "rows")
    found = _read(path, names, "restore it, or remove the run's folder and run the benchmark again")
    masked, gained, digest = found["rank_masked"], found["places_gained"], str(found["rows"])
    rows_path = _rows_path(folder, digest)
    rows = _read(rows_path, ("user", "target"), f"{path} needs it: copy it along")
    if _digest(rows) != digest:
        raise _damaged(rows_path, "it holds other test rows than its name says")
    if not len(masked) == len(gained) == len(rows["user"]):
        raise _damaged(path, "its arrays speak of different numbers of test rows")
    if not np.issubdtype(masked.dtype, np.integer) or not np.issubdtype(gained.dtype, np.integer):
        raise _damaged(path, "its ranks are no whole numbers")
    masked = masked.astype(np.int64)
    rank = {"masked": masked, "recbole": masked + gained.astype(np.int64)}
    if any((ranks < 1).any() for ranks in rank.values()):
        raise _damaged(path, "a rank is below 1")
    return Ranks(rows["user"], rows["target"], rank, rows.get("seen"), rows.get("n_before"))


def pairing(reference: Tuple[str, Ranks], other: Tuple[str, Ranks]) -> np.ndarray:
    """Return the order that puts `other`'s users and targets into `reference`'s.

    Parameters
    ----------
    reference, other : (name, Ranks)
        The names are for the message.

    Returns
    -------
    (R,) int

    Raises
    ------
    InputError
        If they hold other users or targets.
    """
    (name, one), (other_name, two) = reference, other
    if np.array_equal(one.user, two.user) and np.array_equal(one.target, two.target):
        return np.arange(len(one.user))
    first, second = np.lexsort((one.target, one.user)), np.lexsort((two.target, two.user))
    if not (
        np.array_equal(one.user[first], two.user[second])
        and np.array_equal(one.target[first], two.target[second])
    ):
        raise InputError(
            f"{name} and {other_name}: they ranked different users or targets, so they cannot be "
            "paired; were they run on the same data and split?"
        )
    order = np.empty(len(first), dtype=np.int64)
    order[first] = second
    return order


def with_known(ranks: Ranks, other: Ranks, order: np.ndarray) -> Ranks:
    """Return `ranks` with what `other`, put into its `order`, knows beside it of the test rows."""
    if ranks.seen is not None or other.seen is None or other.n_before is None:
        return ranks
    return ranks._replace(seen=other.seen[order], n_before=other.n_before[order])


def _rows_path(folder: Path, digest: str) -> Path:
    return folder.resolve().parent / f"rows-{digest}.npz"


def _digest(rows: Dict[str, np.ndarray]) -> str:
    """Return 16 hexadecimal digits that tell these test rows from others."""
    known = hashlib.sha256("\0".join([*rows["user"], *rows["target"]]).encode())
    for name in ("seen", "n_before"):
        if name in rows:
            known.update(rows[name].astype(np.int64).tobytes())
    return known.hexdigest()[:16]


def _smallest(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the smallest type that holds them all."""
    least, most = (np.min_scalar_type(int(value)) for value in (values.min(), values.max()))
    return values.astype(np.promote_types(least, most))


def _read(path: Path, names: Tuple[str, ...], missing: str) -> Dict[str, np.ndarray]:
    """Return the arrays of a file, which has `names`; `missing` is said where there is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; {missing}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise _damaged(path, words) from error
    lacking = [name for name in names if name not in arrays]
    if lacking:
        raise _damaged(path, f"it lacks {', '.join(lacking)}")
    return arrays


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: damaged, {why}; restore it, or remove the run's folder and run the "
        "benchmark again"
    )
