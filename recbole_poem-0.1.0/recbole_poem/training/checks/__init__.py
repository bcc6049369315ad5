"""Checks of a run's keys and columns before any work: what a slip breaks is said in one sentence.

Ranges stand with the keys: `core/overall.py`, the ``keys`` of a model class, the settings of a
component. The modules here know RecBole's keys, its models and the columns that these read.
"""

from typing import Any, Dict, Type

from recbole.model.abstract_recommender import AbstractRecommender

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import STAGES
from recbole_poem.training.checks.evaluation import check_evaluation, check_modes_fit
from recbole_poem.training.checks.kinds import check_kinds, check_lists, check_mappings
from recbole_poem.training.checks.pretrained import check_pretrained
from recbole_poem.training.checks.training import check_training
from recbole_poem.training.checks.values import own_ranges, ruled_keys


def check_given(
    model: Type[AbstractRecommender],
    keys: Dict[str, Any],
    given: Dict[str, Any],
    defaults: Dict[str, Any],
) -> None:
    """Refuse a configuration that cannot work, whatever the data are.

    Parameters
    ----------
    model : class
    keys : dict
        The configuration, before RecBole has filled in what is missing.
    given, defaults : dict
        What it was merged from: the keys that the user gave over those of all files.

    Raises
    ------
    InputError
        For the first key that is wrong.
    """
    for key in given:
        if not isinstance(key, str):
            raise InputError(f"{key!r}: the name of a key is text; put quotes around it")
        if given[key] == "None" and key in defaults and not isinstance(defaults[key], str):
            raise InputError(f"{key}: None is a word in YAML; write ~ for nothing")
    check_mappings(keys)
    check_lists(keys)
    check_kinds(given, defaults, [*ruled_keys(model), *STAGES])
    check_evaluation(keys, given)
    if "valid_metric" not in own_ranges(model):  # else it has an evaluation of its own
        check_modes_fit(keys)
    check_training(model, keys, given, defaults)
    check_pretrained(keys)
