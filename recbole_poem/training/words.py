"""What a run is, in the lines that a person reads at its start."""

from typing import Any, Dict

from recbole.utils import EvaluatorType, ModelType

from recbole_poem.core.plurals import counted
from recbole_poem.encoders.tables.sharded import Sharded


def model_words(config: Any, model: Any) -> str:
    """Say which model is trained, of which size, and what was chosen for it.

    Parameters
    ----------
    config : Config
    model : AbstractRecommender
    """
    size = n_parameters(model)
    preset = f", preset {config['preset']}" if config["preset"] is not None else ""
    words = f"{config['model']}{preset}, {size:,} parameters on {config['device']}"
    chosen = [f"{key}={value}" for key, value in _chosen(config).items()]
    return f"{words}; chosen: {', '.join(chosen)}" if chosen else words


def n_parameters(model: Any) -> int:
    """Return how many numbers a model learns, those that processes share out included."""
    size = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
    table = getattr(model, "item_embedding", None)
    return size + (table.n_items * table.rows.shape[1] if isinstance(table, Sharded) else 0)


def protocol_words(config: Any) -> str:
    """Say what a test ranks and measures, and what stops the training."""
    cut_offs = ", ".join(map(str, config["topk"]))
    measures = ", ".join(config["metrics"])
    if config["eval_type"] == EvaluatorType.RANKING:
        measures = f"{measures} @ {cut_offs}"
    return f"{ranking_words(config)}; {measures}; {_stop_words(config)}"


def ranking_words(config: Any) -> str:
    """Say what a test row is judged by: what the target is ranked among."""
    mode = config["eval_args"]["mode"]
    mode = mode["test"] if isinstance(mode, dict) else mode
    if mode == "labeled":
        return "rows are judged by their labels"
    if mode != "full":
        return f"each target is ranked among sampled items ({mode})"
    if config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
        return "all items are ranked, but those that the user had before"
    if config["mask_seen"]:
        return "all items are ranked, those that the user had before last (mask_seen)"
    return (
        "all items are ranked, also those that the user had before "
        "(--mask_seen=True ranks them last)"
    )


def _stop_words(config: Any) -> str:
    if config["eval_step"] <= 0:
        return f"no validation, {counted(config['epochs'], 'epoch')}"
    return (
        f"{config['valid_metric']} of the validation rows ends training, "
        f"{counted(config['epochs'], 'epoch')} at most, patience "
        f"{config['stopping_step']} (evaluations without a better one, and one more ends it)"
    )


def _chosen(config: Any) -> Dict[str, Any]:
    """Return the keys of components that the user gave, of stages that the model has."""
    given, stages = config.given(), [stage.key for stage in config.stages()]
    return {key: given[key] for key in given if key.partition(".")[0] in stages}
