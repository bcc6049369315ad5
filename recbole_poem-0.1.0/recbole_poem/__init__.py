"""POEM (arXiv 2606.29946) as a RecBole plugin.

``import recbole_poem`` is cheap and works on a broken installation, so that its ``doctor`` can say
what is wrong with it; RecBole, torch and DGL are loaded when one of the public names below is
first used, after the versions have been checked.

Import it before torch: it lets torch's threads wait without spinning, which counts on a machine
that is busy.

>>> from recbole_poem import POEM
>>> model = POEM.fit("events.csv", user="customer", item="sku", time="ts")  # doctest: +SKIP
>>> model.recommend(users=["anna"], k=10)  # doctest: +SKIP
"""

import importlib
import os
from typing import TYPE_CHECKING, Any, List

from recbole_poem.core import stack, waiting

if TYPE_CHECKING:
    from recbole_poem.core.errors import InputError
    from recbole_poem.serving.fitting import POEM
    from recbole_poem.serving.ranking import Ranking
    from recbole_poem.serving.recommender import Recommender
    from recbole_poem.training.config import Config
    from recbole_poem.training.quick_start import load, objective_function, run_recbole_poem

__version__ = "0.1.0"
__all__ = [
    "POEM",
    "Config",
    "InputError",
    "Ranking",
    "Recommender",
    "load",
    "objective_function",
    "run_recbole_poem",
]

# Without it DGL writes ~/.dgl/config.json at its first import, and dies where it may not.
os.environ.setdefault("DGLBACKEND", "pytorch")
# torch's threads spin while they wait, which beside another busy process makes two of them many
# times slower than one. OpenMP reads this once, when torch is loaded: `waiting` tells who is late.
waiting.passively()

_HOME = {
    "POEM": "recbole_poem.serving.fitting",
    "Config": "recbole_poem.training.config",
    "InputError": "recbole_poem.core.errors",
    "Ranking": "recbole_poem.serving.ranking",
    "Recommender": "recbole_poem.serving.recommender",
    "load": "recbole_poem.training.quick_start",
    "objective_function": "recbole_poem.training.quick_start",
    "run_recbole_poem": "recbole_poem.training.quick_start",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'recbole_poem' has no attribute '{name}'")
    stack.require()
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> List[str]:
    return sorted([*globals(), *__all__])
