"""How a model learns: its loss, its negatives, and what its keys ask for that is not there."""

import importlib.util
from typing import Any, Dict, Sequence, Type

from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils import InputType, ModelType

from recbole_poem.core.errors import InputError
from recbole_poem.core.number_types import is_number
from recbole_poem.training.checks.evaluation import check_names, nearest, one_of

_NEGATIVES = ("distribution", "sample_num", "alpha", "dynamic", "candidate_num")
_CLIPPING = ("max_norm", "norm_type", "error_if_nonfinite", "foreach")

#: losses of models that choose by ``loss_type`` and yet say what their batches hold
_LOSSES = {"CDAE": ("MSE", "BCE"), "MCCLK": ("BPR", "BCE"), "CORE": ("CE",)}

#: values of keys that a model looks at in the middle of its first batch
_CHOICES: Dict[str, Dict[str, Sequence[Any]]] = {
    "KGCN": {"aggregator": ("sum", "neighbor", "concat")},
    "KGNNLS": {"aggregator": ("sum", "neighbor", "concat")},
    "SGL": {"type": ("ED", "ND", "RW")},
    "LINE": {"order": (1, 2)},
    "S3Rec": {"train_stage": ("pretrain", "finetune")},
    "RaCT": {"train_stage": ("actor_pretrain", "critic_pretrain", "finetune")},
    "KD_DAGFM": {"teacher": ("CrossNet", "CIN")},  # which RecBole evaluates as code
}

#: what may be done to a batch, and the key that it needs
_TRANSFORMS = {
    "mask_itemseq": "mask_ratio",
    "inverse_itemseq": None,
    "crop_itemseq": "eta",
    "reorder_itemseq": "beta",
    "user_defined": None,
}

#: keys that are worked out from others, each with those to give instead
_COMPUTED = {
    "device": "use_gpu and gpu_id",
    "MODEL_TYPE": "model",
    "MODEL_INPUT_TYPE": "loss_type",
    "eval_type": "metrics",
    "valid_neg_sample_args": "eval_args: {mode: {valid: uni100}}",
    "test_neg_sample_args": "eval_args: {mode: {test: uni100}}",
    "valid_metric_bigger": "valid_metric",
    "neg_sampling": "train_neg_sample_args: {distribution: uniform, sample_num: 1}",
    "training_neg_sample_num": "train_neg_sample_args: {distribution: uniform, sample_num: 1}",
}


def check_training(
    model: Type[AbstractRecommender],
    keys: Dict[str, Any],
    given: Dict[str, Any],
    defaults: Dict[str, Any],
) -> None:
    """Refuse what a model cannot learn with, whatever the data.

    Parameters
    ----------
    model : class
    keys : dict
        Of its configuration, before RecBole has filled in what is missing.
    given, defaults : dict
        The keys that the user gave, and what they would be otherwise.

    Raises
    ------
    InputError
        For the first key that is wrong.
    """
    for key, instead in _COMPUTED.items():
        if given.get(key) is not None:
            raise InputError(f"{key}: it is not read, but worked out; give {instead} instead")
    _check_loss(model, keys, given, defaults)
    _check_negatives(model.__name__, keys["train_neg_sample_args"])
    if hasattr(model, "keys") and _has_negatives(keys):
        raise InputError(
            f"train_neg_sample_args: {model.__name__} does not read it, and has negatives of its "
            "own; leave the key out"
        )
    _check_need_of_negatives(model, keys, "loss_type" in defaults)
    for key, choices in _CHOICES.get(model.__name__, {}).items():
        check_names(key, [keys[key]], choices)
    _check_files(model, keys)
    clipping = keys["clip_grad_norm"]
    if clipping is not None:
        check_names("clip_grad_norm", clipping, _CLIPPING)
        if "max_norm" not in clipping:
            raise InputError("clip_grad_norm: it names no max_norm, as {max_norm: 5} does")
        if not is_number(clipping["max_norm"]):
            raise InputError(
                f"clip_grad_norm: max_norm is a number such as 5, not {clipping['max_norm']!r}"
            )
    if keys["log_wandb"] is True and importlib.util.find_spec("wandb") is None:
        raise InputError("log_wandb: it needs the package 'wandb'; pip install wandb")
    _check_stage(keys)
    _check_transform(keys)


def _check_loss(
    model: Type[AbstractRecommender],
    keys: Dict[str, Any],
    given: Dict[str, Any],
    defaults: Dict[str, Any],
) -> None:
    """Refuse a loss that the model does not have."""
    name, loss = model.__name__, keys.get("loss_type")
    if "loss_type" not in defaults:
        is_known = model.__module__.split(".")[0] in ("recbole", "recbole_poem")
        if "loss_type" in given and is_known and hasattr(model, "input_type"):
            instead = "give the key losses instead" if "losses" in defaults else "leave it out"
            raise InputError(f"loss_type: {name} does not read this key; {instead}")
        return
    losses = _LOSSES.get(name, ("BPR", "CE"))
    if loss not in losses:
        raise InputError(
            f"loss_type: expected {one_of(losses)}, not {loss!r}{nearest(loss, losses)}"
        )


def _has_negatives(keys: Dict[str, Any]) -> bool:
    negatives = keys["train_neg_sample_args"]
    if negatives is None:
        return False
    return str(negatives.get("distribution", "uniform")).lower() != "none"


def _check_negatives(model: str, negatives: Any) -> None:
    if negatives is None:
        return
    key = "train_neg_sample_args"
    check_names(key, negatives, _NEGATIVES)
    distribution = negatives.get("distribution", "uniform")
    if str(distribution).lower() == "none":
        return
    check_names(f"{key}.distribution", [distribution], ("uniform", "popularity", "none"))
    for name in ("sample_num", "candidate_num"):
        number = negatives.get(name, 1)
        asked = name == "sample_num" or negatives.get("dynamic", False)
        if asked and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise InputError(f"{key}.{name}: expected a whole number from 1, not {number!r}")
    if negatives.get("dynamic", False) is True and "candidate_num" not in negatives:
        raise InputError(f"{key}: dynamic chooses among candidates; name a candidate_num from 1")
    if not isinstance(negatives.get("dynamic", False), bool):
        raise InputError(f"{key}.dynamic: expected True or False, not {negatives['dynamic']!r}")
    alpha = negatives.get("alpha", 1.0)
    if not isinstance(alpha, (int, float)) or isinstance(alpha, bool):
        raise InputError(f"{key}.alpha: expected a number such as 1.0, not {alpha!r}")


def _check_need_of_negatives(
    model: Type[AbstractRecommender], keys: Dict[str, Any], by_loss: bool
) -> None:
    """Refuse pairs without a second item, and negatives for a loss over all items."""
    name, loss = model.__name__, keys.get("loss_type")
    has_negatives = _has_negatives(keys)
    is_sequential = keys["MODEL_TYPE"] == ModelType.SEQUENTIAL
    is_given = keys["train_neg_sample_args"] is not None
    if loss == "CE" and is_sequential and not hasattr(model, "input_type") and is_given:
        raise InputError(
            "train_neg_sample_args: loss_type CE compares with all items and takes no negatives; "
            "write None, or loss_type: BPR"
        )
    learns_pairs = loss == "BPR" if by_loss else model.input_type == InputType.PAIRWISE
    asks = learns_pairs or keys["MODEL_TYPE"] == ModelType.KNOWLEDGE
    if asks and not has_negatives:
        who = f"loss_type {loss}" if by_loss else name
        raise InputError(
            f"train_neg_sample_args: {who} needs negatives; write {{distribution: uniform, "
            "sample_num: 1}"
        )


def _check_files(model: Type[AbstractRecommender], keys: Dict[str, Any]) -> None:
    """Refuse columns of a knowledge-based model without those of its graph."""
    columns = keys.get("load_col")
    if keys["MODEL_TYPE"] != ModelType.KNOWLEDGE or columns is None:
        return
    if not {"kg", "link"} <= set(columns):
        raise InputError(
            f"load_col: {model.__name__} reads the files .kg and .link as well; write {{inter: '*',"
            " kg: [head_id, relation_id, tail_id], link: [item_id, entity_id]}"
        )


def _check_stage(keys: Dict[str, Any]) -> None:
    """Refuse a stage of training that would leave no checkpoint."""
    epochs, step = keys.get("pretrain_epochs"), keys.get("save_step")
    if "pretrain" not in str(keys.get("train_stage")) or epochs is None or step is None:
        return
    if step > epochs:
        raise InputError(
            f"save_step: {step} is above pretrain_epochs, {epochs}, so nothing would be saved; "
            f"write save_step: {epochs}"
        )


def _check_transform(keys: Dict[str, Any]) -> None:
    """Refuse a change to batches that RecBole does not know, or whose share is missing."""
    transform = keys.get("transform")
    if transform is None:
        return
    check_names("transform", [transform], _TRANSFORMS)
    needed = _TRANSFORMS[transform]
    if needed is not None and not isinstance(keys.get(needed), (int, float)):
        raise InputError(f"{needed}: transform {transform} needs it, as a number from 0 to 1")
