"""From the configuration to a filled request cache: the upstreams by name."""

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional

from recbole_poem.cache.logged import LoggedRanker
from recbole_poem.cache.request_cache import Ranker, RequestCache, open_or_build
from recbole_poem.core.atomic import Format
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import Map
from recbole_poem.fusion.scores import ScoreFusion
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.item_to_item import ItemToItemRanker
from recbole_poem.retrieval.objectives import parse_objectives


def fusion_of(config: Any, n_objectives: int) -> ScoreFusion:
    """Return how a configuration fuses so many objectives."""
    fusion: ScoreFusion = config.component("score_fusion").make(n_objectives)
    return fusion


def item_to_item(config: Any, log: RequestLog, fusion: ScoreFusion) -> ItemToItemRanker:
    """Return the item-to-item ranker of a configuration.

    Parameters
    ----------
    config : Config
    log : RequestLog
        Similarities are estimated from its training rows.
    fusion : ScoreFusion
        Of the key ``objectives``, by which the candidates are chosen.
    """
    if config["upstream_folds"] >= log.n_users:
        raise InputError(
            f"upstream_folds: {config['upstream_folds']} folds are too many for "
            f"{log.n_users - 1} users"
        )
    return ItemToItemRanker(
        log,
        parse_objectives(config["objectives"]),
        n_candidates=config["n_candidates"],
        n_folds=config["upstream_folds"],
        top_k=config["upstream_neighbours"],
        fusion=fusion,
        seed=config["seed"],
    )


def _item_to_item(config: Any, dataset: Any) -> Ranker:
    n_objectives = len(parse_objectives(config["objectives"]))
    return item_to_item(config, dataset.log, fusion_of(config, n_objectives))


def _logged(config: Any, dataset: Any) -> Ranker:
    path = Path(config["data_path"]) / f"{dataset.dataset_name}.cand"
    return LoggedRanker(
        path,
        dataset.log,
        dataset.field2token_id[dataset.uid_field],
        dataset.field2token_id[dataset.iid_field],
        (dataset.uid_field, dataset.time_field, dataset.iid_field),
        Format.of(config),
        config["n_candidates"],
        lambda n_objectives: fusion_of(config, n_objectives),
        _named_objectives(config),
        config["time_unit"],
    )


def _named_objectives(config: Any) -> Optional[List[str]]:
    """Return the float columns of ``.cand`` that the user names; None = all of them.

    The default of the key, and what a preset has for a data set, are of the embedded ranking stage.

    Raises
    ------
    InputError
        If it is no list of names, all different.
    """
    named = config["objectives"]
    if named is None or not config.is_given("objectives"):
        return None
    fits = isinstance(named, (list, tuple)) and all(isinstance(name, str) for name in named)
    if not fits or not named or len(set(named)) < len(named):
        raise InputError(
            f"objectives: with upstream logged, expected a list of float columns of .cand, such "
            f"as [click, like], not {named!r}"
        )
    return list(named)


#: from configuration and data set to the ranker
Upstream = Callable[[Any, Any], Ranker]

#: the upstreams that need no model, by name
UPSTREAMS: Dict[str, Upstream] = {
    "item_to_item": _item_to_item,
    "logged": _logged,
}


def cache_folder(config: Any, dataset: Any) -> Path:
    """Return where the caches of a data set lie, and what they are made by."""
    folder = config["request_cache_dir"] or Path(config["checkpoint_dir"]) / "request_cache"
    return Path(folder) / dataset.dataset_name


def request_cache(
    config: Any,
    dataset: Any,
    upstreams: Mapping[str, Upstream] = UPSTREAMS,
    parallel_map: Map = map,
) -> RequestCache:
    """Open or build the request cache of a data set whose training part is known.

    Parameters
    ----------
    config, dataset
    upstreams : mapping
        By the name that the key ``upstream`` takes.
    parallel_map : Map
        Where a cache that must be built is built; see `recbole_poem.core.workers`.

    Raises
    ------
    InputError
        For an unknown ``upstream``, and whatever the upstream finds wrong with its input.
    """
    name = config["upstream"]
    if name not in upstreams:
        raise InputError(
            f"upstream: there is no '{name}'; known are {', '.join(sorted(upstreams))}"
        )
    return open_or_build(
        cache_folder(config, dataset),
        dataset.log,
        upstreams[name](config, dataset),
        show_progress=config["show_progress"],
        parallel_map=parallel_map,
    )
