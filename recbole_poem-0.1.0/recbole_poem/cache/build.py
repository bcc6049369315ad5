"""From the configuration to a filled request cache."""

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from recbole_poem.cache.opening import Building, open_existing, open_or_build
from recbole_poem.cache.rankings import Ranker
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.cache.sources import SourceContext
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import Map
from recbole_poem.fusion.scores import CandidateOrder


def order_of(config: Any, n_objectives: int) -> CandidateOrder:
    """Return how a configuration orders candidates by so many objectives, before it learns."""
    fusion = config.component("score_fusion")
    order: CandidateOrder = fusion.component.of_cache(fusion.settings, n_objectives)
    return order


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
        For whatever the ranking source finds wrong with its input, for a score fusion that needs
        scores which the cache would not keep, and a grouping that needs stages which it has not.
    """
    folder, ranker = _source(config, dataset)
    return open_or_build(
        folder,
        dataset.log,
        ranker,
        *_kept(config),
        Building(parallel_map=parallel_map, show_progress=config["show_progress"]),
    )


def existing_cache(config: Any, dataset: Any) -> Optional[RequestCache]:
    """Open the request cache that `request_cache` would open; None where it would build one."""
    folder, ranker = _source(config, dataset)
    return open_existing(folder, dataset.log, ranker, *_kept(config))


def _source(config: Any, dataset: Any) -> Tuple[Path, Ranker]:
    """Return where the caches lie, and the source that fills them.

    Raises
    ------
    InputError
        If the grouping needs stages that it does not tell.
    """
    context = SourceContext(config, dataset, cache_folder(config, dataset))
    source = config.component("ranking_source")
    ranker: Ranker = source.make(context)
    reader, grouping = config.component("ranking_reader"), config.component("grouping")
    if reader is not None and grouping.component.reads_stages and not ranker.has_stages:
        raise InputError(
            f"grouping: {grouping.name} needs the stage of each candidate, and the ranking_source "
            f"{source.name} tells none; take one with a token column 'stage' in .cand, or another "
            "grouping"
        )
    return context.folder, ranker


def _kept(config: Any) -> Tuple[Dict[str, Any], bool]:
    """Return the settings of the source, and whether they ask for raw scores.

    Raises
    ------
    InputError
        If the score fusion needs them.
    """
    source: Dict[str, Any] = config["ranking_source"]
    fusion = config.component("score_fusion")
    if not (source["raw_scores"] or fusion.component.reads_ranks_alone):
        raise InputError(
            f"ranking_source.raw_scores: the score_fusion {fusion.name} reads more than the order "
            "of scores, so set it to True"
        )
    return {"ranking_source": source}, source["raw_scores"]
