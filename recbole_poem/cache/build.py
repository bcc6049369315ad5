"""From the configuration to a filled request cache."""

from pathlib import Path
from typing import Any, List

import numpy as np

from recbole_poem.cache.request_cache import RequestCache, open_or_build
from recbole_poem.cache.sources import SourceContext
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import Map
from recbole_poem.retrieval.selection import Fusion


def objective_weights(config: Any, n_objectives: int) -> List[float]:
    """Read a, the weights of the objectives in the fused score, scaled to sum 1.

    Raises
    ------
    InputError
        For a wrong number of weights, one that is no number from 0, or only zeros.
    """
    weights = config["objective_weights"]
    if weights is None:
        return [1 / n_objectives] * n_objectives
    valid = isinstance(weights, (list, tuple)) and len(weights) == n_objectives
    valid = valid and all(isinstance(w, (int, float)) and 0 <= w < np.inf for w in weights)
    if not valid or sum(weights) <= 0:
        raise InputError(
            f"objective_weights: expected {n_objectives} numbers from 0, one per objective, not "
            f"all 0, and got {weights!r}"
        )
    return [float(weight) / sum(weights) for weight in weights]


def fusion_of(config: Any, n_objectives: int) -> Fusion:
    """Return how a configuration fuses so many objectives."""
    weights = np.array(objective_weights(config, n_objectives))
    return Fusion(weights, config["rank_kappa"], config["rank_power"])


def cache_folder(config: Any, dataset: Any) -> Path:
    """Return where the caches of a data set lie, and what they are made by."""
    folder = config["request_cache_dir"] or Path(config["checkpoint_dir"]) / "request_cache"
    return Path(folder) / dataset.dataset_name


def request_cache(config: Any, dataset: Any, parallel_map: Map = map) -> RequestCache:
    """Open or build the request cache of a data set whose training part is known.

    Parameters
    ----------
    config, dataset
    parallel_map : Map
        Where a cache that must be built is built; see `recbole_poem.core.workers`.

    Raises
    ------
    InputError
        For whatever the ranking source finds wrong with its input.
    """
    context = SourceContext(config, dataset, cache_folder(config, dataset))
    return open_or_build(
        context.folder,
        dataset.log,
        config.component("ranking_source").make(context),
        settings={"ranking_source": config["ranking_source"]},
        show_progress=config["show_progress"],
        parallel_map=parallel_map,
    )
