"""The last stage: what turns scores into a list. Evaluation and serving ask it alike."""

from typing import Any, Optional

import torch
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.data.categories import read_categories
from recbole_poem.rerankers.category_penalty import Diversity


def reranking_of(config: Any, dataset: Dataset) -> Optional[Diversity]:
    """Return how the keys of a configuration have lists chosen; None = by the scores alone.

    Raises
    ------
    InputError
        If ``diversity_penalty`` has no categories to go by.
    """
    if not config["diversity_penalty"]:
        return None
    category = read_categories(config, dataset)
    if category is None:
        raise InputError(
            "diversity_penalty: the items have no categories; name their column of .item as "
            "category_field"
        )
    known = torch.from_numpy(category).to(config["device"])
    return Diversity(known, config["diversity_penalty"], config["diversity_pool"])
