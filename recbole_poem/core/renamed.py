"""Keys of former versions, and what to write now: they are named, not kept alive."""

from typing import Dict

#: former key -> the key or setting that says it now
RENAMED: Dict[str, str] = {
    "diversity_penalty": "rerankers.category_penalty.penalty",
    "diversity_pool": "rerankers.category_penalty.pool",
}
