"""RecBole's FutureWarnings: hidden within a call, and nobody else's."""

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from conftest import random_log

from recbole_poem.core import recbole_warnings
from recbole_poem.training.quick_start import run_recbole_poem


def warn(module: str) -> None:
    warnings.warn_explicit("old", FutureWarning, f"{module}.py", 1, module=module)


def test_within_a_block_the_words_of_recbole_alone_are_ignored() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with recbole_warnings.ignored():
            warn("recbole.data.dataset.dataset")
            with pytest.raises(FutureWarning):
                warn("recbole_poem.training.trainer")
            with pytest.raises(FutureWarning):
                warn("somebody")
        with pytest.raises(FutureWarning):
            warn("recbole.data.dataset.dataset")


def test_what_opens_a_checkpoint_says_nothing_and_leaves_the_filters_alone(
    write_dataset: Any,
) -> None:
    keys = {**write_dataset(random_log(1)), "model": "SASRec", "epochs": 1, "topk": [5]}
    file = run_recbole_poem(config_dict={**keys, "valid_metric": "NDCG@5"})["model_file"]
    script = (
        "import sys, warnings\n"
        "from recbole_poem import Recommender, load\n"
        "before = list(warnings.filters)\n"
        "load(sys.argv[1]).evaluate()\n"
        "Recommender.load(sys.argv[1])\n"
        "assert warnings.filters == before\n"
    )
    command = [sys.executable, "-W", "default::FutureWarning", "-c", script, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert "FutureWarning" not in done.stderr
