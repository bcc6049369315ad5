"""What a row of a comparison is to POEM."""

from typing import Any, Mapping

from recbole_poem.core.errors import InputError
from recbole_poem.core.stages import LOSSES

#: reads a ranking; is that ranking; is neither
POEM, UPSTREAM, BASELINE = "POEM", "upstream", "baseline"


def role_of(record: Mapping[str, Any]) -> str:
    """Return the role of a finished run's row.

    A model of POEM's class that neither reads rankings nor learns from them is a sequential model
    of the history alone, such as ``--preset=esasrec``, and so a baseline.

    Parameters
    ----------
    record : mapping
        Of the run: ``model`` and ``config``. Without the key ``ranking_reader`` it is from before
        there was one, and such a model read rankings.
    """
    model, config = record["model"], record["config"]
    if model == "Upstream":
        return UPSTREAM
    reads = config.get("ranking_reader") != "none" or _learns_from_rankings(config.get("losses"))
    return POEM if model == "POEM" and reads else BASELINE


def _learns_from_rankings(losses: Any) -> bool:
    """Tell whether a loss term of a record reads rankings; one of former keys is taken to."""
    try:
        terms = LOSSES.choose(losses or "none", "losses")
    except InputError:
        return True
    return any(term.component.reads_rankings(term.settings) for term in terms.values())
