"""What a row of a comparison is to POEM."""

from typing import Any, Mapping

#: reads a ranking; is that ranking; is neither
POEM, UPSTREAM, BASELINE = "POEM", "upstream", "baseline"
#: loss terms whose labels a ranking stage gives
LEARN_FROM_RANKINGS = {"system", "system_order"}


def role_of(record: Mapping[str, Any]) -> str:
    """Return the role of a finished run's row.

    A model of POEM's class that neither reads rankings nor learns from them is a sequential model
    of the history alone, such as ``--preset=esasrec``, and so a baseline. Records without the key
    ``ranking_reader`` are from before there was one, and read.

    Parameters
    ----------
    record : mapping
        Of the run: ``model`` and ``config``.
    """
    model, config = record["model"], record["config"]
    if model == "Upstream":
        return UPSTREAM
    reads = config.get("ranking_reader") != "none"
    learns = not LEARN_FROM_RANKINGS.isdisjoint(config.get("losses") or ())
    return POEM if model == "POEM" and (reads or learns) else BASELINE
