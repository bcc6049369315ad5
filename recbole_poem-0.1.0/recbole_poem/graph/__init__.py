"""The item graph: Swing similarities as a DGL graph, and the hard negatives drawn from it.

This room imports nothing of ours: interactions come in as a SciPy matrix of training rows,
and the caller says which items a query may not draw.
"""

from recbole_poem.graph.swing import item_graph, swing  # isort: skip  (guards `import dgl`)
from recbole_poem.graph.neighbours import HardNegativeSampler, similar_items

__all__ = ["HardNegativeSampler", "item_graph", "similar_items", "swing"]
