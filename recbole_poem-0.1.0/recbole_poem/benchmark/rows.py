"""The rows of a report: which model, and with which keys of its own."""

from difflib import get_close_matches
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set

from recbole_poem.benchmark.asked import check_list, check_mapping
from recbole_poem.core.blocks import laid
from recbole_poem.core.config_files import read_yaml
from recbole_poem.core.errors import InputError
from recbole_poem.training.properties import PROPERTIES


class Row(NamedTuple):
    """A row of the report.

    Attributes
    ----------
    name : str
        What the report calls it.
    model : str
        The name that ``--model`` takes.
    keys : dict
        What differs from the model's defaults and the plan's keys.
    tuned_as : str or None
        The row whose tuned keys it takes, itself as a rule; None for one that is not tuned.
    extra : str, optional
        That it has beside them; see `recbole_poem.benchmark.extras`.
    datasets : list of str, optional
        Those it is run on; None = all of the plan.
    """

    name: str
    model: str
    keys: Dict[str, Any]
    tuned_as: Optional[str]
    extra: Optional[str] = None
    datasets: Optional[List[str]] = None

    def is_on(self, dataset: str) -> bool:
        """Tell whether the row is run on a data set of the plan."""
        return self.datasets is None or dataset in self.datasets


_RANKER = "MultiTaskRanker"
#: Rows that need no training, by the name that ``--models`` takes.
UNTRAINED = {
    "Pop": Row("Pop", "Pop", {}, None),
    "Upstream": Row("Upstream", "Upstream", {}, None),
    "Upstream-lag0": Row("Upstream-lag0", "Upstream", {"request_lag": 0}, None),
}


def row_of(entry: Any) -> Row:
    """Read one row: a model's name, or a mapping.

    The mapping has ``model``, and as wanted ``row`` (its name), ``keys``, and ``tuned_as``: the row
    of which it is a variant, whose tuned keys it takes and with which alone the report compares it;
    null for a row that is not tuned, whose keys were chosen before. ``datasets`` are those of the
    plan that it is run on, where not on all.

    Raises
    ------
    InputError
        If it is neither, its keys are no mapping, or its data sets no list of names; and for a
        ranker, which finds no items.
    """
    if _RANKER in (entry, entry.get("model") if isinstance(entry, dict) else None):
        raise InputError(
            f"rows: {_RANKER} orders exposures and finds no items, so it has no rank of a target; "
            "benchmarks/rankers.py of the repository compares rankers"
        )
    if isinstance(entry, str):
        return UNTRAINED.get(entry, Row(entry, entry, {}, entry))
    if not isinstance(entry, dict) or not isinstance(entry.get("model"), str):
        raise InputError(f"rows: {entry!r} is neither a model's name nor a mapping with 'model'")
    refuse_unknown(f"rows: {entry!r}", entry, {"row", "model", "keys", "tuned_as", "datasets"})
    check_mapping(f"rows: {entry!r}: keys", entry.get("keys") or {})
    name = str(entry.get("row", entry["model"]))
    tuned_as = None if is_untrained(entry["model"]) else entry.get("tuned_as", name)
    tuned_as = None if tuned_as is None else str(tuned_as)
    datasets = entry.get("datasets")
    if datasets is not None:
        check_list(f"rows: '{name}': datasets", datasets, (str,), "names")
    keys = dict(entry.get("keys") or {})
    return Row(name, entry["model"], keys, tuned_as, datasets=datasets)


def is_untrained(model: str) -> bool:
    """Tell whether a model is that of a row which needs no training."""
    return any(row.model == model for row in UNTRAINED.values())


def ablations(base: Row) -> List[Row]:
    """Return the rows that remove one part of POEM each; they take the tuned keys of `base`."""
    content = read_yaml(PROPERTIES / "benchmark" / "ablations.yaml")
    return [
        base._replace(
            name=f"{base.name}: {name}",
            keys=laid(base.keys, keys),
            tuned_as=base.tuned_as or base.name,
        )
        for name, keys in content.items()
    ]


def refuse_unknown(where: str, content: Dict[str, Any], known: Set[str]) -> None:
    """Refuse the keys of a mapping that are not known, each with the nearest one that is.

    Raises
    ------
    InputError
        For the first of them.
    """
    for key in content:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            names = ", ".join(sorted(known))
            raise InputError(f"{where}: unknown key '{key}'; {hint}known are {names}")


def check_places(rows: List[Row], datasets: Sequence[str]) -> None:
    """Refuse a variant without its row, on each data set, and data sets that are none.

    Raises
    ------
    InputError
        For the first of them.
    """
    bases = {row.name: row for row in rows if row.tuned_as in {None, row.name}}
    for row in rows:
        for name in row.datasets or ():
            if name not in datasets:
                raise InputError(f"rows: '{row.name}': there is no data set '{name}' in the plan")
        base = row if row.tuned_as is None else bases.get(row.tuned_as)
        if base is None:
            raise InputError(f"rows: '{row.name}' is tuned as '{row.tuned_as}', which is no row")
        alone = [name for name in datasets if row.is_on(name) and not base.is_on(name)]
        if alone:
            raise InputError(
                f"rows: '{row.name}' is a variant of '{base.name}', which is not on '{alone[0]}'; "
                "name the same 'datasets'"
            )
