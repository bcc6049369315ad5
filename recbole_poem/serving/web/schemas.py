"""What the service reads and says, in JSON."""

from typing import Any, Dict, List, Optional

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Annotated

from recbole_poem.fusion.cascade_stages import STAGES

#: an item or user token, or the name of an objective
Token = Annotated[str, Field(min_length=1, max_length=256)]
Score = Annotated[float, Field(allow_inf_nan=False, ge=-1e30, le=1e30)]  # finite as float32
Time = Annotated[float, Field(allow_inf_nan=False)]
Tokens = Annotated[List[Token], Field(max_length=10_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _shown(**example: Any) -> ConfigDict:
    """Return what gives a schema an example."""
    extra: Dict[str, Any] = {"examples": [example]}
    return ConfigDict(json_schema_extra=extra)


class Ranking(_Body):
    """What the ranking stage scored: one row of scores an item, one column an objective."""

    items: Annotated[List[Token], Field(max_length=1000)]
    objectives: Annotated[List[Token], Field(min_length=1, max_length=32)]
    scores: Annotated[List[Annotated[List[Score], Field(max_length=32)]], Field(max_length=1000)]
    stages: Optional[Annotated[List[Token], Field(max_length=1000)]] = Field(
        None,
        description="how far each item came, for a model that groups by it: " + "|".join(STAGES),
    )


class RankingOfUser(Ranking):
    """The ranking of a user's request, which their next request reads."""

    model_config = _shown(
        user="anna", items=["50", "181"], objectives=["click"], scores=[[0.9], [0.4]]
    )

    user: Token


class RecommendRequest(_Body):
    """What one user asks for.

    Without a history the one that feedback has made is read; without a ranking, the user's last.
    """

    model_config = _shown(user="anna", k=5)

    user: Optional[Token] = None
    history: Optional[Tokens] = Field(None, description="item tokens, oldest first")
    history_times: Optional[Annotated[List[Optional[Time]], Field(max_length=10_000)]] = Field(
        None,
        description="of the items of `history`, ascending, in the unit of the data set's time; "
        "null = not known",
    )
    ranking: Optional[Ranking] = Field(None, description="instead of the user's last one")
    older: Annotated[List[Optional[Ranking]], Field(max_length=2)] = Field(
        [],
        description="those before `ranking`, the youngest first, for a model that reads several",
    )
    k: Annotated[int, Field(ge=1, le=1000)] = 10
    filter_seen: bool = Field(True, description="leave out the items of the history")
    allow: Optional[Tokens] = Field(None, description="the only items to recommend")
    deny: Tokens = Field([], description="items not to recommend")


class Recommendation(BaseModel):
    """An item and its score."""

    item: str
    score: float = Field(
        description="what the list is in order of; it compares the items of one list alone"
    )


class RecommendResponse(BaseModel):
    """The list, best first, and what it was made from."""

    items: List[Recommendation]
    cache: str = Field(
        description="the ranking was 'given', read ('hit') or there was none: 'empty'"
    )
    history_length: int = Field(
        description="items of the history that the model knows; it reads the last of them"
    )
    unknown_items: int = Field(description="tokens that the model does not know and left out")


class Feedback(_Body):
    """What a user has dealt with since, oldest first."""

    model_config = _shown(user="anna", items=["181"], times=[880000060])

    user: Token
    items: Annotated[List[Token], Field(min_length=1, max_length=1000)]
    times: Optional[Annotated[List[Optional[Time]], Field(max_length=1000)]] = Field(
        None,
        description="of the items, ascending, in the unit of the data set's time; null = not known",
    )
    shown: Annotated[List[Token], Field(max_length=1000)] = Field(
        [],
        description="what was shown at the user's last request, for re-rankers that learn; "
        "none = the head of the answer, as far as the re-ranker's n_shown says",
    )


class Kept(BaseModel):
    """Whether something could be kept; nothing else depends on it."""

    kept: bool


class KeptFeedback(Kept):
    """Beside that, whether re-rankers have learned what came of the user's last request."""

    observed: bool


class Health(BaseModel):
    """What answers."""

    status: str
    model: str
    checkpoint: str
    since: str = Field(description="when this checkpoint began to answer, in UTC")
    n_items: int
    objectives: List[str] = Field(description="what the model reads in a ranking")
    stages: bool = Field(description="whether it reads the stages of a ranking, too")
    n_rankings: int = Field(description="previous rankings of a user that it reads")


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str
