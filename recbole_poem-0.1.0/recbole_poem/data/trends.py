"""What is known of all items when: counted once from the training part, read by every row."""

from typing import Any, Dict

from recbole_poem.core.errors import InputError
from recbole_poem.log.clock import Clock, Dated
from recbole_poem.log.requests import RequestLog


def trends_of(config: Any, log: RequestLog) -> Dict[str, Dated]:
    """Count what the dense logit terms of a configuration know.

    Parameters
    ----------
    config : Config
    log : RequestLog
        Whose training part is final.

    Returns
    -------
    dict
        By the batch field that holds the steps of requests.

    Raises
    ------
    InputError
        If there is no training row.
    """
    terms = config.component("logit_terms") or {}
    dense = {name: term for name, term in terms.items() if hasattr(term.component, "count")}
    for name in dense:
        if not log.training.any():
            raise InputError(
                f"logit_terms.{name}: there is no training row to count; leave it out, or give "
                "eval_args with a larger training part"
            )
    clock = Clock.of(config)
    return {
        term.component.field: term.component.count(term.settings, log, clock)
        for term in dense.values()
    }
