"""From a table of events to a recommender in one call: convert, train, load."""

import hashlib
import inspect
import re
from logging import INFO, getLogger
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Union

import pandas as pd

from recbole_poem.core.errors import InputError, nearest
from recbole_poem.core.run_log import end_log, say
from recbole_poem.data.convert.table import convert
from recbole_poem.models import poem as models
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training.checks.names import check_dataset_name
from recbole_poem.training.quick_start import Finished, tested_beside, train

#: keys of the configuration that the conversion decides, or the call
_DECIDED = {
    "model": "the class decides it",
    "resume": "a fit begins anew",
    "time_unit": "the times of the table decide it; their own unit is reading={'time_unit': ...}",
}
#: what `convert` takes beside the columns
_READING = [
    name
    for name, one in inspect.signature(convert).parameters.items()
    if one.kind is one.KEYWORD_ONLY
]
#: those that are on or off
_SWITCHES = ("keep_duplicates", "drop_incomplete")
#: flags of the conversion that are arguments of another name here
_OTHER_NAMES = {"input": "source", "output": "data_path"}


def fit(
    model: str,
    source: Union[pd.DataFrame, str, Path],
    user: Optional[str] = None,
    item: Optional[str] = None,
    time: Optional[str] = None,
    feedback: Sequence[str] = (),
    weight: Sequence[str] = (),
    reading: Optional[Mapping[str, Any]] = None,
    dataset: Optional[str] = None,
    data_path: Union[str, Path] = "dataset",
    **keys: Any,
) -> Recommender:
    """Write a table as a data set, train a model on it, and load its best epoch.

    Parameters
    ----------
    model : str
        A sequential model.
    source, user, item, time, feedback, weight
        The table and its columns; see `recbole_poem.data.convert.table.convert`.
    reading : mapping, optional
        The other arguments of that function, such as ``zone``.
    dataset : str, optional
        Name of the data set; default: that of the file, or one made of the content of the frame.
    data_path : path
        The folder in which the folder of the data set is written.
    **keys
        Keys of the configuration.

    Raises
    ------
    InputError
        For whatever is wrong with the table, a name or a key.
    """
    for key, reason in _DECIDED.items():
        if key in keys:
            raise InputError(f"{key}: {reason}; leave it out")
    if not isinstance(source, (pd.DataFrame, str, Path)):
        raise InputError(f"source: expected a DataFrame or the path of a file, not {source!r:.80}")
    columns = (user, item, time, tuple(feedback), tuple(weight))
    options = dict(reading or {})
    name = _name_of(source, columns, options) if dataset is None else dataset
    check_dataset_name(name)
    for option in options:
        if option not in _READING:
            raise InputError(f"reading: there is no '{option}'{nearest(option, _READING)}")
    try:
        found = convert(source, Path(data_path) / name, *columns, **options)
    except InputError as error:
        raise InputError(_in_python(str(error))) from error
    given = {**keys, "data_path": str(data_path)}
    try:
        finished = train(model, found.dataset, config_dict=given)
        _tell(finished)
    finally:
        end_log()
    return Recommender.load(finished.result["model_file"])


def _in_python(words: str) -> str:
    """Return an error of the conversion with arguments in place of flags."""

    def argument(flag: "re.Match[str]") -> str:
        name, value = flag.groups()
        name = _OTHER_NAMES.get(name, name)
        if name not in _READING:
            return str(name) if value is None else f"{name}={value!r}"
        if value is None and name in _SWITCHES:
            return f"reading={{{name!r}: True}}"
        return f"reading[{name!r}]" if value is None else f"reading={{{name!r}: {value!r}}}"

    return re.sub(r"(?<!\S)--(\w+)(?:=([^\s,;)]+))?", argument, words)


def _tell(finished: Finished) -> None:
    """Say the metrics of the test rows, beside those of what needs no training."""
    result, experiment, trainer = finished
    if experiment is None or trainer is None:
        rows = {"test": result["test_result"]}
    elif getLogger().isEnabledFor(INFO):
        own = {experiment.config["model"]: result["test_result"]}
        rows = {**own, **tested_beside(finished)}
    else:
        return
    width = max(map(len, rows))
    for name, metrics in rows.items():
        values = ", ".join(f"{metric} {value:.4f}" for metric, value in metrics.items())
        say("test", f"{name:{width}}  {values}")
    say("saved", str(result["model_file"]))


def _name_of(source: Union[pd.DataFrame, str, Path], *how: Any) -> str:
    """Return the name of a data set: equal frames that are read alike have the same."""
    if not isinstance(source, pd.DataFrame):
        return Path(source).name.partition(".")[0]
    digest = hashlib.sha256(repr((list(source.columns), how)).encode())
    for place in range(source.shape[1]):
        try:
            digest.update(pd.util.hash_pandas_object(source.iloc[:, place], index=False).to_numpy())
        except TypeError:  # lists and the like, which no column of a data set is made of
            continue
    return f"frame-{digest.hexdigest()[:8]}"


class POEM(models.POEM):
    """The model, with the verb that makes a recommender of a table: ``recbole_poem.POEM``."""

    @classmethod
    def fit(cls, source: Any, preset: str = "best", **options: Any) -> Recommender:
        """Train on a table of events, and return what recommends by the best epoch.

        >>> model = POEM.fit(frame, user="customer", item="sku", time="ts")  # doctest: +SKIP
        >>> model.recommend(users=["anna"], k=10)  # doctest: +SKIP

        It ends with the metrics of the test rows, beside those of `Pop` and of the previous
        ranking, and it leaves files in the current folder:

        - ``dataset/``, or ``data_path``: the table as a data set, ``frame-<hash>`` where
          ``dataset`` names no other;
        - ``saved/``, or ``checkpoint_dir``: the checkpoint and the request cache;
        - ``log/`` and ``log_tensorboard/``: the log of the run.

        Parameters
        ----------
        source : DataFrame or path
            A row an event; or a file of them.
        preset : str
            See ``properties/preset/``.
        **options
            ``user, item, time, feedback, weight, reading, dataset, data_path``, see
            `fit`; and keys of the configuration, such as ``epochs``.

        Raises
        ------
        InputError
            For whatever is wrong with the table, a name or a key.
        """
        return fit("POEM", source, preset=preset, **options)
