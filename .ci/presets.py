"""Reads every preset of an installed plugin, for a model that takes it."""

import recbole_poem
from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.properties import PROPERTIES

#: what a preset may need beside it
TARGET = {"targets": {"liked": {"feedback": {"rating": "[4,inf)"}}}}
WAYS = (
    {"model": "POEM"},
    {"model": "POEM", "ranking_source.raw_scores": True},
    {"model": "MultiTaskRanker", **TARGET},
    {"model": "MultiTaskRanker"},
)


def taken(preset: str) -> str:
    """Return the model that takes a preset."""
    words = []
    for way in WAYS:
        try:
            Config(config_dict={"dataset": "ml-100k", "preset": preset, **way})
        except InputError as error:
            words.append(str(error))
        else:
            return str(way["model"])
    raise SystemExit(f"{preset}: no model takes it: {'; '.join(words)}")


if __name__ == "__main__":
    print(f"{recbole_poem.__file__}, properties in {PROPERTIES}")
    for file in sorted((PROPERTIES / "preset").glob("*.yaml")):
        print(f"{file.stem:12} {taken(file.stem)}")
