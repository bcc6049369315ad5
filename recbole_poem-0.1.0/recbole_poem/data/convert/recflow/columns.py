"""The 30 columns of RecFlow's days, and the atomic files that they go to."""

from typing import Dict

#: what a row says of its stage, as bits
FLAGS: Dict[str, int] = {
    "realshow": 1,
    "rerank_pos": 2,
    "rerank_neg": 4,
    "rank_pos": 8,
    "rank_neg": 16,
    "coarse_neg": 32,
    "prerank_neg": 64,
}
FEEDBACK = ["effective_view", "long_view", "like", "follow", "forward", "comment"]
POSITIONS = ["rank_index", "rerank_index"]
#: what only an exposure has
OF_EXPOSURE = ["device_id", "playing_time", *FEEDBACK]

#: RecBole knows a field by its name alone, and an exposure has a duration too
DURATION_OF_ITEM = "item_duration"
ITEM: Dict[str, str] = {
    "video_id": "token",
    "author_id": "token",
    "category_level_one": "token",
    "category_level_two": "token",
    "upload_type": "token",
    "upload_timestamp": "float",
    DURATION_OF_ITEM: "float",
}
USER: Dict[str, str] = {
    "user_id": "token",
    "age": "token",
    "gender": "token",
    "province": "token",
}
INTER: Dict[str, str] = {
    "request_id": "token",
    "user_id": "token",
    "video_id": "token",
    "request_timestamp": "float",
    "device_id": "token",
    **dict.fromkeys(FEEDBACK, "float"),
    "playing_time": "float",
    "duration": "float",
    "play_ratio": "float",
}
#: ``rank`` and ``rerank`` are places, negative so that the best is the highest
CAND: Dict[str, str] = {
    "user_id": "token",
    "request_timestamp": "float",
    "video_id": "token",
    "rank": "float",
    "rerank": "float",
    "stage": "token",
    "rank_index": "token",
    "rerank_index": "token",
}
DAY = [
    *("request_id", "request_timestamp", "user_id", "device_id", "age", "gender", "province"),
    *("video_id", "author_id", "category_level_one", "category_level_two", "upload_type"),
    *("upload_timestamp", "duration", *FLAGS, *POSITIONS, "playing_time", *FEEDBACK),
]
