"""From the configuration to a filled request cache."""

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from recbole_poem.cache.opening import Building, Reads, open_existing, open_or_build
from recbole_poem.cache.rankings import Ranker
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.cache.sources import SourceContext
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import Map
from recbole_poem.fusion.learned import learns
from recbole_poem.fusion.scores import CandidateOrder

#: keys that decide which rows a run draws and evaluates, and how far back these read
_DECIDES = (
    "MAX_ITEM_LIST_LENGTH", "requests_per_window", "epochs", "seed", "request_lag", "n_rankings",
    "eval_args", "positive_feedback",
)  # fmt: skip


def order_of(config: Any, n_objectives: int) -> CandidateOrder:
    """Return how a configuration orders candidates by so many objectives, before it learns."""
    fusion = config.component("score_fusion")
    order: CandidateOrder = fusion.component.of_cache(fusion.settings, n_objectives)
    return order


def cache_folder(config: Any, dataset: Any) -> Path:
    """Return where the caches of a data set lie, and what they are made by."""
    folder = config["request_cache_dir"] or Path(config["checkpoint_dir"]) / "request_cache"
    return Path(folder) / dataset.dataset_name


def reads_labels(config: Any) -> bool:
    """Tell whether a term of the loss is made of the rankings of requests themselves."""
    terms = config.model_class.loss_terms(config).values()
    return any(term.component.reads_rankings(term.settings) for term in terms)


def request_cache(
    config: Any, dataset: Any, parallel_map: Map = map, reads: Optional[Reads] = None
) -> RequestCache:
    """Open or build the request cache of a data set whose training part is known.

    Parameters
    ----------
    config, dataset
    parallel_map : Map
        Where a cache that must be built is built; see `recbole_poem.core.workers`.
    reads : Reads, optional
        Finds the rows whose rankings are read, for ``ranking_source.only_read``.

    Raises
    ------
    InputError
        For whatever the ranking source finds wrong with its input, for a score fusion that needs
        scores which the cache would not keep, and a grouping that needs stages which it has not.
        For ``only_read`` where nobody says what is read, or what reads depends on what was made.
    """
    if config["ranking_source"]["only_read"] and reads is None:
        raise InputError(
            "ranking_source.only_read: other rankings are read here than by the training; set it "
            "to False"
        )
    folder, ranker = _source(config, dataset)
    return open_or_build(
        folder,
        dataset.log,
        ranker,
        *_kept(config),
        Building(parallel_map=parallel_map, show_progress=config["show_progress"]),
        reads if config["ranking_source"]["only_read"] else None,
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
    """Return what a cache depends on beside its source, and whether it keeps raw scores.

    Raises
    ------
    InputError
        If the score fusion needs them, or a ranking that nobody would make.
    """
    source: Dict[str, Any] = config["ranking_source"]
    fusion = config.component("score_fusion")
    if not (source["raw_scores"] or fusion.component.reads_ranks_alone):
        raise InputError(
            f"ranking_source.raw_scores: the score_fusion {fusion.name} reads more than the order "
            "of scores, so set it to True"
        )
    read = _read_by(config) if source["only_read"] else {}
    return {"ranking_source": source, **read}, source["raw_scores"]


def _read_by(config: Any) -> Dict[str, Any]:
    """Return what decides which rankings a run reads, as JSON values.

    Raises
    ------
    InputError
        Where that is not told by the rows that are drawn.
    """
    fusion = config.component("score_fusion")
    if learns(fusion.component):
        raise InputError(
            f"ranking_source.only_read: the score_fusion {fusion.name} takes the scale of scores "
            "from rankings of all training rows, so set it to False"
        )
    if config["shuffle_rankings"]:
        raise InputError(
            "ranking_source.only_read: shuffle_rankings reads the rankings of others, so set it to "
            "False"
        )
    keys = {name: config[name] for name in _DECIDES}
    reads = bool(config.model_class.reads_rankings(config))
    return {"read_by": {**keys, "reads": reads, "labels": reads_labels(config)}}
