"""The graph by which a history encoder knows all items: made of the training part, once a run."""

from typing import Any, Optional

from scipy import sparse

from recbole_poem.core.run_log import say
from recbole_poem.log.clock import Clock
from recbole_poem.log.requests import RequestLog


def item_graph_of(config: Any, log: RequestLog) -> Optional[sparse.csr_matrix]:
    """Make the graph that the history encoder of a configuration knows.

    Parameters
    ----------
    config : Config
    log : RequestLog
        Whose training part is final.

    Returns
    -------
    (n_items, n_items) csr of float32, or None where it knows none
    """
    encoder = config.component("history_encoder")
    if not hasattr(getattr(encoder, "component", None), "graph_of"):
        return None
    graph = encoder.component.graph_of(encoder.settings, log, Clock.of(config))
    if graph is None:
        return None
    edges = graph.nnz - int((graph.diagonal() != 0).sum())
    say("graph", f"{edges // 2:,} pairs of items, of {len(graph.indptr) - 2:,} items")
    return graph
