"""Whether a run can come to its end, as far as can be told before it trains."""

from typing import Any

from recbole.trainer import Trainer

from recbole_poem.benchmark.evaluation import check_full_ranking, check_lists
from recbole_poem.core.errors import InputError
from recbole_poem.data.categories import read_categories
from recbole_poem.data.preparation import check_maskable
from recbole_poem.training.experiment import Experiment


def check_ready(experiment: Experiment, trainer: Any) -> None:
    """Refuse what would train in vain.

    Raises
    ------
    InputError
        If the benchmark cannot follow the trainer, no epoch would be validated, or what has been
        trained could not be evaluated.
    """
    model = experiment.config["model"]
    if not isinstance(trainer, Trainer):
        raise InputError(
            f"model: {model} is trained by a library of decision trees, "
            "which the benchmark cannot follow"
        )
    stage = getattr(experiment.model, "train_stage", "finetune")
    if stage != "finetune":
        raise InputError(
            f"train_stage: {model} has a training stage of its own, {stage}, which the benchmark "
            "does not run; run it before, and give train_stage=finetune and pre_model_path"
        )
    if not 0 < trainer.eval_step <= trainer.epochs:
        raise InputError(
            f"eval_step: with {trainer.eval_step}, none of {trainer.epochs} epochs is validated"
        )
    if experiment.valid_data is None:
        raise InputError("eval_args: epochs are chosen by validation rows; split off such rows")
    check_lists(experiment.config)
    check_full_ranking(experiment.valid_data)
    check_full_ranking(experiment.test_data)
    check_maskable(experiment.config)
    read_categories(experiment.config, experiment.dataset)
