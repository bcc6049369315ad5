"""What a training ends with: metrics of the test rows beside those of what needs no training."""

from typing import Any, Dict, List, Optional

from recbole.utils import EvaluatorType, ModelType

from recbole_poem.cli.command import command_line
from recbole_poem.cli.pages import TextPage
from recbole_poem.core import one_line
from recbole_poem.core.plurals import counted
from recbole_poem.core.run_log import lined_up
from recbole_poem.training.baselines import (
    Targets,
    counted_targets,
    judges_exposures,
    lists_need_states,
)
from recbole_poem.training.experiment import Experiment
from recbole_poem.training.quick_start import Finished, tested_beside
from recbole_poem.training.words import ranking_words

#: share of targets that were seen before, above which an answer should offer seen items
_MANY = 0.05
#: metrics that, where a row has one target, repeat the hit rate
_REPEATED = ("recall", "precision")
_ALONE_WORDS = "no row of Pop or the previous ranking: a re-ranker reads the states of the model"
_REPEATED_WORDS = "one target per row: Recall@k is Hit@k, and Precision@k is Hit@k / k"


def outcome(finished: Finished, with_baselines: bool) -> str:
    """Return the page that a training ends with.

    Parameters
    ----------
    finished : Finished
    with_baselines : bool
        Whether Pop and the previous ranking are tested as well.

    Returns
    -------
    str
        A table of the metrics of the test rows; then the protocol, the share of targets that were
        seen before, the checkpoint, and the command that uses it.
    """
    result, experiment, trainer = finished
    columns: Dict[str, Dict[str, float]] = {}
    if experiment is None or trainer is None:
        columns["test"] = result["test_result"]
        return _page(columns, _lines(result, None, None))
    columns[experiment.config["model"]] = result["test_result"]
    if with_baselines:
        columns.update(tested_beside(finished))
    targets = counted_targets(experiment.test_data._dataset)
    lines = [_protocol(experiment, targets), *_lines(result, experiment, targets)]
    if _repeats(experiment):
        lines.insert(1, lined_up("", _REPEATED_WORDS))
    if with_baselines and lists_need_states(experiment):
        lines.insert(0, lined_up("alone", _ALONE_WORDS))
    return _page(_without_repeated(columns, experiment), lines)


def _page(columns: Dict[str, Dict[str, float]], lines: List[str]) -> str:
    page = TextPage()
    names = list(columns)
    metrics = list(columns[names[0]])
    cells = [[metric, *(_number(columns[name][metric]) for name in names)] for metric in metrics]
    page.table(["test", *names], cells)
    return f"\n{page.text()}\n\n" + "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.4f}"


def _protocol(experiment: Experiment, targets: Optional[Targets]) -> str:
    words = ranking_words(experiment.config)
    if targets is not None:
        of = f"{counted(targets.n_rows, 'row')} of {counted(targets.n_users, 'user')}"
        words = f"{of}; {words}"
    return lined_up("protocol", words)


def _lines(
    result: Dict[str, Any], experiment: Optional[Experiment], targets: Optional[Targets]
) -> List[str]:
    lines = []
    if experiment is not None and judges_exposures(experiment):
        return [lined_up("saved", str(result["model_file"]))]
    if targets is not None:
        share = targets.n_seen / max(targets.n_rows, 1)
        words = f"{share:.1%} of the targets had been seen by their user before"
        lines.append(lined_up("seen", words))
    lines.append(lined_up("saved", str(result["model_file"])))
    if experiment is not None and experiment.config["MODEL_TYPE"] == ModelType.SEQUENTIAL:
        dataset = experiment.test_data._dataset
        ids = dataset.inter_feat[dataset.uid_field][:2].numpy()  # a tensor of one id is an index
        users = one_line.joined(map(str, dataset.id2token(dataset.uid_field, ids)))
        command = ["recommend", f"--checkpoint={result['model_file']}", f"--users={users}"]
        if targets is not None and targets.n_seen > _MANY * targets.n_rows:
            command.append("--keep_seen")  # people come back to what they had
        lines.append(lined_up("next", command_line(*command, "--output=recs.csv")))
    return lines


def _repeats(experiment: Experiment) -> bool:
    """Tell whether recall and precision repeat the hit rate: a row has one target."""
    config = experiment.config
    names = [name.lower() for name in config["metrics"]]
    one_target = config["MODEL_TYPE"] == ModelType.SEQUENTIAL
    is_ranking = config["eval_type"] == EvaluatorType.RANKING
    return one_target and is_ranking and "hit" in names and any(n in names for n in _REPEATED)


def _without_repeated(
    columns: Dict[str, Dict[str, float]], experiment: Experiment
) -> Dict[str, Dict[str, float]]:
    if not _repeats(experiment):
        return columns
    return {
        name: {k: v for k, v in metrics.items() if not k.startswith(_REPEATED)}
        for name, metrics in columns.items()
    }
