"""The stages of the cascade: what plugs in where, and by which key it is chosen.

The order is that of a request: from the log to the list that is shown.
"""

from typing import Dict, Tuple

from recbole_poem.core.stage import Form, Stage

# -- the ranking stage ------------------------------------------------------------------------
TARGETS = Stage(
    "targets", "rankers.targets", "what one task of a ranker predicts",
    Form.NAMED, word="target", usual="binary",
)  # fmt: skip
RANKER_INPUTS = Stage(
    "ranker_input", "rankers.inputs", "what a ranker reads beside its usual features",
    Form.SEVERAL,
)  # fmt: skip
RANKERS = Stage("ranker", "rankers.networks", "features of an exposure to one output a target")
RANKER_OPTIMIZERS = Stage(
    "ranker_optimizer", "rankers.optimizers", "how a ranker follows the losses of its targets",
    is_optional=True,
)  # fmt: skip
OBJECTIVES = Stage(
    "objectives", "retrieval.similarities",
    "what item-to-item objectives count; the columns of .cand are ranking_source.columns",
    Form.NAMED, word="similarity", usual="cosine",
)  # fmt: skip
RANKING_SOURCES = Stage("ranking_source", "cache.sources", "fills the request cache")

# -- reading a ranking ------------------------------------------------------------------------
SCORE_FUSIONS = Stage(
    "score_fusion", "fusion.scores", "scores of a ranking to features and a fused score"
)
GROUPINGS = Stage("grouping", "fusion.groups", "a ranking to ordered groups")
RANKING_READERS = Stage(
    "ranking_reader", "encoders.ranking", "a ranking to the ranking state", is_optional=True
)

# -- reading a history ------------------------------------------------------------------------
ITEM_TABLES = Stage("item_table", "encoders.tables", "where the embeddings of items live")
ROW_FEATURES = Stage(
    "row_features", "log.row_features", "what a row of a history knows beside its item",
    Form.SEVERAL,
)  # fmt: skip
HISTORY_ENCODERS = Stage("history_encoder", "encoders.history", "a history to its states")
POSITIONS = Stage("position", "encoders.positions", "how the places of a history enter")
ATTENTIONS = Stage("attention", "encoders.attention", "queries, keys and values to a mixture")
STATE_FUSIONS = Stage(
    "state_fusion", "encoders.fusion", "history state and ranking state to the user state"
)

# -- scores and training ----------------------------------------------------------------------
LOGIT_TERMS = Stage(
    "logit_terms", "logits.terms", "adds to the product of user state and item", Form.SEVERAL
)
LOSSES = Stage("losses", "losses.terms", "a weighted part of the loss", Form.SEVERAL)
NEGATIVES = Stage("negatives", "data.negatives", "items that are no positives of a request")

# -- the list ---------------------------------------------------------------------------------
RERANKERS = Stage("rerankers", "rerankers", "scores to a list", Form.SEVERAL)

#: all stages by their keys
STAGES: Dict[str, Stage] = {
    stage.key: stage
    for stage in (
        TARGETS, RANKER_INPUTS, RANKERS, RANKER_OPTIMIZERS, OBJECTIVES, RANKING_SOURCES,
        SCORE_FUSIONS, GROUPINGS, RANKING_READERS, ITEM_TABLES, ROW_FEATURES, HISTORY_ENCODERS,
        POSITIONS, ATTENTIONS, STATE_FUSIONS, LOGIT_TERMS, LOSSES, NEGATIVES, RERANKERS,
    )
}  # fmt: skip
#: stages whose components are settings of other components, and no keys of their own
NESTED: Tuple[Stage, ...] = (POSITIONS, ATTENTIONS, NEGATIVES)
