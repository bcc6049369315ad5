"""Columns that a model reads and the data set does not have, or has in another type."""

from typing import Any, Callable, Dict

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble, prepare
from recbole_poem.training.quick_start import run_recbole_poem

ITEMS = "item_id:token\tprice:float\tbrand:token\tclass:token_seq\tvec:float_seq\n" + "".join(
    f"i{i}\t{i / 2}\tb{i % 3}\tc{i % 2} c{i % 5}\t0.1 0.2\n" for i in range(15)
)
USERS = "user_id:token\tage:float\tcity:token\n" + "".join(
    f"u{u}\t{20 + u}\tc{u % 3}\n" for u in range(12)
)


@pytest.fixture
def keys(write_dataset: Callable[..., Dict[str, Any]]) -> Dict[str, Any]:
    keys = write_dataset(random_log(0), item=ITEMS, user=USERS)
    inter = keys["load_col"]["inter"]
    return {**keys, "epochs": 1, "load_col": {"inter": inter, "item": "*", "user": "*"}}


@pytest.mark.parametrize("model", ["SASRecF", "GRU4RecF", "FDSA"])
def test_features_are_tokens_of_the_items(keys: Dict[str, Any], model: str) -> None:
    of_inter = {"inter": keys["load_col"]["inter"]}
    for change, words in (
        (
            {"selected_features": ["class", "price"]},
            "selected_features: 'price' is a float column; .* takes token columns, and float ones "
            "that numerical_features names",
        ),
        ({"selected_features": ["vec"]}, "selected_features: 'vec' is a float_seq column"),
        ({"selected_features": ["brnd"]}, "the item column 'brnd', and loaded are item_id, price"),
        ({"load_col": of_inter}, "selected_features: .* item column 'class', and none is loaded"),
    ):
        with pytest.raises(InputError, match=words):
            prepare(Config(model, config_dict={**keys, **change}))
    prepare(Config(model, config_dict={**keys, "selected_features": ["item_id"]}))
    numbers = {"selected_features": ["brand", "price"], "numerical_features": ["price"]}
    run_recbole_poem(model, config_dict={**keys, **numbers, "topk": 5, "valid_metric": "MRR@5"})


def test_numbers_may_be_embedded_one_by_one_alone(keys: Dict[str, Any]) -> None:
    vec = {"selected_features": ["vec"], "numerical_features": ["vec"]}
    with pytest.raises(InputError, match="selected_features: 'vec' is a float_seq column; SASRecF"):
        prepare(Config("SASRecF", config_dict={**keys, **vec}))


def test_an_attribute_is_a_token_column(keys: Dict[str, Any]) -> None:
    for attribute, words in (
        ("price", "item_attribute: 'price' is a float column; S3Rec takes token columns"),
        ("clas", "item_attribute: S3Rec reads the item column 'clas', and loaded are item_id"),
    ):
        with pytest.raises(InputError, match=words):
            prepare(Config("S3Rec", config_dict={**keys, "item_attribute": attribute}))


def test_a_tower_reads_no_number_that_is_not_named(keys: Dict[str, Any]) -> None:
    keys = {**keys, "threshold": {"rating": 3}, "numerical_features": ["price", "vec"]}
    with pytest.raises(InputError, match="numerical_features: 'age' is a float column; DSSM takes"):
        prepare(Config("DSSM", config_dict=keys))
    assemble(Config("DSSM", config_dict={**keys, "numerical_features": ["price", "vec", "age"]}))


def test_labels_are_asked_for(keys: Dict[str, Any]) -> None:
    for change, words in (
        ({}, "^threshold: FM learns from labels; name a column .* such as {rating: 4}"),
        (
            {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}},
            "^threshold: eval_args.mode labeled evaluates labels",
        ),
        ({"threshold": {"rating": 9}}, "^threshold: .* gives all rows the label 0, so there is"),
        ({"threshold": {"rating": 0}}, "^threshold: .* gives all rows the label 1, so there is"),
        ({"threshold": {"stars": 4}}, "^threshold: .* has no float column 'stars'.*loaded: rating"),
        ({"threshold": {"user_id": 4}}, "^threshold: .* has no float column 'user_id'"),
    ):
        with pytest.raises(InputError, match=words):
            prepare(Config("FM", config_dict={**keys, **change}))
    prepare(Config("FM", config_dict={**keys, "threshold": {"rating": 3}}))


@pytest.mark.parametrize("labels", [[-1, 1], [0, 1, 2], [0.5, 1, 0]])
def test_labels_are_0_or_1(write_dataset: Callable[..., Dict[str, Any]], labels: Any) -> None:
    log = random_log(0)
    log["label"] = [float(labels[k % len(labels)]) for k in range(len(log))]
    keys = {**write_dataset(log), "metrics": ["AUC"], "valid_metric": "AUC"}
    keys["eval_args"] = {"mode": "labeled", "split": {"RS": [0.8, 0.1, 0.1]}}
    with pytest.raises(InputError, match=r"^threshold: column 'label' holds .*, and labels are"):
        prepare(Config("FM", config_dict=keys))
    words = "^threshold: .*toy has a column 'label' already, which it would replace"
    with pytest.raises(InputError, match=words):
        prepare(Config("FM", config_dict={**keys, "threshold": {"rating": 3}}))


def test_a_column_with_the_name_of_histories_is_refused(
    write_dataset: Callable[..., Dict[str, Any]],
) -> None:
    log = random_log(0).assign(rating_list=1.0)
    for model in ("SASRec", "POEM"):
        with pytest.raises(InputError, match="column 'rating_list' has the name of the histories"):
            prepare(
                Config(
                    model, config_dict={**write_dataset(log), "topk": [3], "valid_metric": "MRR@3"}
                )
            )
