"""What is no part of POEM is offered to every row: rows with it and without, side by side.

A gain is stated between rows that have the same extras.
"""

from typing import Any, Dict, List, Mapping, Set, Tuple

from recbole.model.abstract_recommender import SequentialRecommender

from recbole_poem.benchmark.asked import check_mapping
from recbole_poem.benchmark.rows import Row, is_untrained
from recbole_poem.core.blocks import laid
from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import LOGIT_TERMS, RERANKERS
from recbole_poem.logits.terms import is_dense
from recbole_poem.training.registry import get_model


def with_extras(rows: List[Row], extras: Mapping[str, Any]) -> List[Row]:
    """Return rows without any extra, each followed by itself with one after the other.

    Rows that need no training and models that are not sequential cannot have them, and stay as they
    are. A row with an extra takes the tuned keys of the row without.

    Parameters
    ----------
    rows : list of Row
    extras : mapping
        Name -> logit terms -> their settings.

    Raises
    ------
    InputError
        For an extra that is no such mapping, a term that is not for every model, and a row that has
        one of them by its own keys.
    """
    terms = {name: _terms(name, terms) for name, terms in extras.items()}
    every = sorted({key for keys in terms.values() for key in keys})
    off = {key: "none" for key in every}
    listed = []
    for row in rows:
        if not terms or not _may_have(row):
            listed.append(row)
            continue
        for key in laid(row.keys):
            if any(key == term or key.startswith(f"{term}.") for term in every):
                raise InputError(
                    f"rows: '{row.name}': {key} is an extra of this plan, which every row gets; "
                    "leave it to 'extras'"
                )
        listed.append(row._replace(keys=laid(row.keys, off)))
        listed += [
            row._replace(name=f"{row.name} + {name}", keys=laid(row.keys, off, keys), extra=name)
            for name, keys in terms.items()
        ]
    return listed


def _terms(name: str, terms: Any) -> Dict[str, Any]:
    """Return the keys of an extra."""
    check_mapping(f"extras: {name}", terms)
    for term in terms:
        if not is_dense(LOGIT_TERMS.component(term, f"extras: {name}")):
            raise InputError(
                f"extras: {name}: {term} is learned with POEM, and no other row has it; leave it "
                "to the rows"
            )
    return {f"{LOGIT_TERMS.key}.{term}": settings or True for term, settings in terms.items()}


def _may_have(row: Row) -> bool:
    return not is_untrained(row.model) and issubclass(get_model(row.model), SequentialRecommender)


def extras_of(config: Mapping[str, Any]) -> Tuple[str, ...]:
    """Return what the configuration of a run has that every row may have, by name.

    These are the logit terms for every model and the re-rankers.
    """
    known = {name for name, term in LOGIT_TERMS.components().items() if is_dense(term)}
    terms = known.intersection(config.get(LOGIT_TERMS.key) or ())
    rerankers = set(config.get(RERANKERS.key) or ())
    former_terms, former_rerankers = _former_extras(config)
    return (*sorted(terms | former_terms), *sorted(rerankers | former_rerankers))


def _former_extras(config: Mapping[str, Any]) -> Tuple[Set[str], Set[str]]:
    """Return logit terms and re-rankers of a record from when they were flat keys.

    A window of trends was a number of hours, or ``[hours, weight]``; one of three numbers was the
    hour of the day.
    """
    windows = config.get("trend_windows") or []
    of_day = [isinstance(window, list) and len(window) == 3 for window in windows]
    terms = {"hour_of_day" if daily else "popularity_trend" for daily in of_day}
    return terms, {"category_penalty"} if config.get("diversity_penalty") else set()
