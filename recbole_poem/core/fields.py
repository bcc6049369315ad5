"""Names that rooms share: of the fields of a batch, and of a file beside the data.

Shapes: B windows (or prediction rows), W positions, R requests per window, N candidates,
M objectives. At evaluation a batch has one request per row, and the request dimension is absent.
"""

#: (B,) or (B, R) int64: row of the log that the request wants to predict; -1 = no request
REQUEST_ID = "request_id"
#: (B, R) int64: number of the request's turn in training, another one in every epoch: the key of
#: all that is drawn for it; at evaluation the request's id is
DRAW_ID = "draw_id"
#: (..., N) int64: candidates that the request reads from the cache; 0 = none
CACHE_ITEM = "cache_item"
#: (..., N, M) float32: their scores, or what stands in for them (`cache.request_cache`)
CACHE_SCORE = "cache_score"
#: (..., N) int64: how far they came, places in `fusion.cascade_stages.STAGES`; only where the
#: source of the rankings tells
CACHE_STAGE = "cache_stage"
#: where a model reads several rankings, of those before the former, the youngest first, at
#: evaluation: (B, A - 1, N) int64, (B, A - 1, N, M) float32 and (B, A - 1, N) int64
OLDER = {CACHE_ITEM: "older_item", CACHE_SCORE: "older_score", CACHE_STAGE: "older_stage"}
#: in training candidates, scores and stages are then those of U rankings, each once, (U, N) and so
#: on; (B, R, A) int64: which of them a request reads, the youngest first; (U,) int64: draw ids
RANKING_PLACE, RANKING_DRAW = "ranking_place", "ranking_draw"

#: (B, W) int64, at evaluation (B,): the steps of time at which each target is asked for, 0 where
#: nothing is known; see `recbole_poem.log.trends` and `recbole_poem.log.hours`
TREND_STEP = "trend_step"
HOUR_STEP = "hour_step"

#: (B, W) int64: the item to predict at each position of a training window; 0 = no target
TARGET_ID = "target_id"
#: (B, W) int64: the row of the log behind each position of a training window, target or not;
#: -1 = none, beyond the window
NEXT_ROW = "next_row"
#: (1,) int64: number of the batch, from 0, over all epochs and the same in all processes: the key
#: of what is drawn for a batch
BATCH_NUMBER = "batch_number"
#: (B, R) int64: position in the window of each request that carries a partial-order sequence
REQUEST_POSITION = "request_position"
#: (B, R, k) int64: what the ranking of the current request put on top; 0 = none
SYSTEM_POSITIVE = "system_positive"
#: (B, R, D) int64: candidates of the ranking of the current request, best first; 0 = none
SYSTEM_ORDER = "system_order"
#: (B, R, N, M) float32: scores of the ranking of the current request, and (B, R, N, L) int8: what
#: came of its candidates, 1 or 0 a label; -1 = no candidate
LISTED_SCORE, LISTED_LABEL = "listed_score", "listed_label"
#: (B, R, k) int64: what the ranking of the current request had on top, and nobody took; 0 = none
PASSED_OVER = "passed_over"
#: (B, R, n) int64: hard negatives of the target; 0 = none
HARD_NEGATIVE = "hard_negative"
#: (B, W) int64: the items of training windows, some of them masked (0) or replaced
PERTURBED_ITEM = "perturbed_item"
#: of the rows behind the positions of a window, (B, W) each: the item, int64, 0 = none; what it
#: earned, float32; whether its session ends with it, bool
ACTION, REWARD, SESSION_END = "action", "reward", "session_end"
#: (1,) bool: whether the first of two networks learns from the batch, or the second
FIRST_LEARNS = "first_learns"
#: (C,) int64: actions among which the best next one is looked for, where not among all
NEXT_ACTION = "next_action"
#: (B, W) float32: rows of the user before the row behind each position, as a share of the most
HISTORY_LENGTH = "history_length"

#: (B, W, n) int64: negatives of the target at every position, 0 = none: of the term `setrank`, and
#: of those that draw from the whole catalogue, `gbce` and `sampled_softmax`
SET_NEGATIVE, BINARY_NEGATIVE = "set_negative", "binary_negative"
SOFTMAX_NEGATIVE = "softmax_negative"
#: (n_items,) float32: share of each item in the targets of the training rows
TARGET_SHARE = "target_share"

#: (K,) int64: negatives of the sampled softmax, shared by the batch
SAMPLED_NEGATIVE = "sampled_negative"

#: fields of a batch that hold items, beside the histories: what a sharded table has to bring
ITEM_FIELDS = (
    TARGET_ID, CACHE_ITEM, OLDER[CACHE_ITEM], SYSTEM_POSITIVE, SYSTEM_ORDER, HARD_NEGATIVE,
    PERTURBED_ITEM, SET_NEGATIVE, BINARY_NEGATIVE, SAMPLED_NEGATIVE,
)  # fmt: skip
#: (U,) int64, ascending: the ids of the items of a batch, where the batch has numbered them anew
ITEM_IDS = "item_ids"

#: (B, H) int64: items of the user's latest rows before the exposure, the latest first; 0 = none
RECENT_ITEM = "recent_item"
#: (B, H, M) float32: what came of them for each target of a ranker; NaN = not known
RECENT_LABEL = "recent_label"
#: (B,) int64: seconds since 1970 of the exposure, and since the user's last row; -1 = no last row
REQUEST_TIME, REQUEST_GAP = "request_time", "request_gap"
#: (B, C) float64: what is known of the request before anything is shown
REQUEST_CONTEXT = "request_context"
#: (B, M) float32: what came of the exposure for each target of a ranker; NaN = not known
TASK_LABEL = "task_label"
#: (B, n) int64: items that were not shown, beside each exposure
UNEXPOSED_ITEM = "unexposed_item"

#: the file of a data set that says what could be known of its rows, where a world wrote it
ORACLE = "oracle.json"
