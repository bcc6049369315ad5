"""Keys of former versions, and what to write now: they are named, not kept alive."""

from typing import Dict

#: former key -> the key or setting that says it now
RENAMED: Dict[str, str] = {
    "dropout_prob": "ranker.dropout",
    "expert_sizes": "ranker.expert_sizes",
    "n_candidates": "ranking_source.n_candidates",
    "n_experts": "ranker.n_experts",
    "ranker_blocks": "ranking_source.blocks",
    "ranker_epochs": "ranking_source.epochs",
    "ranker_unexposed": "ranking_source.unexposed",
    "tasks": "targets",
    "tower_sizes": "ranker.tower_sizes",
    "upstream": "ranking_source",
    "upstream_folds": "ranking_source.folds",
    "upstream_neighbours": "ranking_source.neighbours",
}
