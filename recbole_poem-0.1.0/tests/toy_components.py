"""Components by the words that a configuration has for them."""

from typing import Any, Dict, List

from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import OBJECTIVES, TARGETS


def objectives_of(given: Any) -> Dict[str, Choice]:
    """Choose the objectives that the key ``objectives`` says."""
    chosen: Dict[str, Choice] = OBJECTIVES.choose(given, "objectives")
    return chosen


def similarity_of(name: str, **settings: Any) -> Any:
    """Make one similarity."""
    return objectives_of({"x": {"similarity": name, **settings}})["x"].make()


def targets_of(given: Any) -> List[Any]:
    """Make the targets that the key ``targets`` says."""
    return [choice.make(name) for name, choice in TARGETS.choose(given, "targets").items()]
