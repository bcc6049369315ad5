"""From the configuration to a filled request cache."""

from pathlib import Path
from typing import Any, Optional

from recbole_poem.cache.request_cache import RequestCache, open_existing, open_or_build
from recbole_poem.cache.sources import SourceContext
from recbole_poem.core.workers import Map
from recbole_poem.fusion.scores import ScoreFusion


def fusion_of(config: Any, n_objectives: int) -> ScoreFusion:
    """Return how a configuration fuses so many objectives."""
    fusion: ScoreFusion = config.component("score_fusion").make(n_objectives)
    return fusion


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


def existing_cache(config: Any, dataset: Any) -> Optional[RequestCache]:
    """Open the request cache that `request_cache` would open; None where it would build one."""
    context = SourceContext(config, dataset, cache_folder(config, dataset))
    ranker = config.component("ranking_source").make(context)
    settings = {"ranking_source": config["ranking_source"]}
    return open_existing(context.folder, dataset.log, ranker, settings)
