"""Whether the columns that a model reads have been loaded, and are of a type that it takes."""

from typing import Any, List

from recbole.data.dataset import Dataset
from recbole.utils import EvaluatorType, FeatureType, ModelType
from recbole.utils.enum_type import FeatureSource

from recbole_poem.core.errors import InputError

_TOKENS = (FeatureType.TOKEN, FeatureType.TOKEN_SEQ)

#: models that make room for each number of a ``float_seq`` column, and embed them as one
_NO_NUMBER_LISTS = ("SASRecF",)


def check_columns(config: Any, dataset: Dataset) -> None:
    """Refuse a data set that lacks what the model of a configuration reads.

    Parameters
    ----------
    config : Config
    dataset : Dataset
        As it has been loaded, before its split.

    Raises
    ------
    InputError
        For labels, features and attributes that are missing or of another type.
    """
    _check_labels(config, dataset)
    if "selected_features" in config.internal_config_dict:
        for field in config["selected_features"]:
            _check_feature(config, dataset, "selected_features", field)
    if "item_attribute" in config.internal_config_dict:
        _check_feature(config, dataset, "item_attribute", config["item_attribute"])
    if config["double_tower"]:
        _check_towers(config, dataset)


def _check_labels(config: Any, dataset: Dataset) -> None:
    """Refuse a log without labels where a model learns from them or is evaluated by them."""
    if config["eval_type"] != EvaluatorType.VALUE:
        return
    if dataset.label_field in dataset.inter_feat:
        labels = dataset.inter_feat[dataset.label_field].unique()
        if len(labels) == 1:
            raise InputError(
                f"threshold: {config['threshold']} gives all rows the label {labels[0]}, so there "
                "is nothing to learn; choose a value that some rows reach and others do not"
            )
        by_answers = {"auc", "logloss", "gauc"} & {name.lower() for name in config["metrics"]}
        others = sorted(set(labels.tolist()) - {0, 1})
        if others and by_answers:
            raise InputError(
                f"threshold: column '{dataset.label_field}' holds {others[0]:g}, and labels are "
                "0 or 1 in every row; mend it, or make them of another column with threshold"
            )
        return
    learns = config["MODEL_TYPE"] in (ModelType.CONTEXT, ModelType.DECISIONTREE)
    if learns and config["train_neg_sample_args"]["distribution"] == "none":
        raise InputError(
            f"threshold: {config['model']} learns from labels; name a column to make them from, "
            f"such as {{rating: 4}}, or load a column '{dataset.label_field}:float'"
        )
    if "labeled" in config["eval_args"]["mode"].values():
        raise InputError(
            "threshold: eval_args.mode labeled evaluates labels; name a column to make them from, "
            f"such as {{rating: 4}}, load a column '{dataset.label_field}:float', or write mode: "
            "uni100"
        )


def _check_feature(config: Any, dataset: Dataset, key: str, field: str) -> None:
    """Refuse a column that is none of the items', and one that a model does not embed."""
    columns = _item_columns(dataset)
    if field not in [*columns, dataset.iid_field]:
        loaded = f"loaded are {', '.join(columns)}" if columns else "none is loaded"
        raise InputError(
            f"{key}: {config['model']} reads the item column '{field}', and {loaded}; name other "
            f"columns, or load it with load_col: {{inter: '*', item: [{dataset.iid_field}, "
            f"{field}]}}"
        )
    kind = dataset.field2type[field]
    is_number = kind == FeatureType.FLOAT or config["model"] not in _NO_NUMBER_LISTS
    if kind not in _TOKENS and not (is_number and field in config["numerical_features"]):
        raise InputError(
            f"{key}: '{field}' is a {kind.value} column; {config['model']} takes token columns, "
            "and float ones that numerical_features names"
        )


def _item_columns(dataset: Dataset) -> List[str]:
    return [] if dataset.item_feat is None else [str(name) for name in dataset.item_feat.columns]


def _check_towers(config: Any, dataset: Dataset) -> None:
    """Refuse a number that a tower would make room for and never read."""
    towers = (
        FeatureSource.USER,
        FeatureSource.USER_ID,
        FeatureSource.ITEM,
        FeatureSource.ITEM_ID,
    )
    for field in dataset.fields(source=towers):
        kind = dataset.field2type[field]
        if kind not in _TOKENS and field not in config["numerical_features"]:
            raise InputError(
                f"numerical_features: '{field}' is a {kind.value} column; {config['model']} takes "
                f"token columns, and numbers that are named here: [{field}]"
            )
