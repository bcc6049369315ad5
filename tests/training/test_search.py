"""RecBole's files of hyper-parameters, and configurations drawn from them."""

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Dict, Set, Tuple

import pytest
from conftest import random_log

from recbole_poem.core.errors import InputError
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.registry import get_trainer
from recbole_poem.training.search_space import (
    canonical,
    describe,
    only_choices,
    read_space,
    sample,
    space_file,
)

pytest.importorskip("hyperopt", reason="the extra 'tune' is not installed")

EVERY_KIND = """\
# a comment and an empty line

learning_rate loguniform -8, -4
dropout uniform 0.25,0.75
grouping.n_groups choice [2, 5, 10]
dropout_probs choice [[0.1,0.2],[0.3,0.4]]
mlp choice ['[64,32]','[8]']
logit_terms.candidate_head choice [True, False, None]
hidden_size quniform 16,64,16
losses.margin.margin quniform 0,1,0.5
"""


@pytest.fixture
def space(tmp_path: Path) -> Dict[str, Any]:
    file = tmp_path / "every.hyper"
    file.write_text(EVERY_KIND)
    return read_space(str(file))


def test_every_kind_is_drawn_in_its_range_and_type(space: Dict[str, Any]) -> None:
    drawn = sample(space, 300, seed=1)
    values = {key: [params[key] for params in drawn] for key in space}
    assert {type(value) for value in values["learning_rate"]} == {float}
    assert 2.71828**-8 < min(values["learning_rate"]) < max(values["learning_rate"]) < 0.01832
    assert 0.25 <= min(values["dropout"]) < 0.3 < 0.7 < max(values["dropout"]) <= 0.75
    assert {repr(value) for value in values["grouping.n_groups"]} == {"2", "5", "10"}
    assert {repr(v) for v in values["dropout_probs"]} == {"[0.1, 0.2]", "[0.3, 0.4]"}
    assert set(values["mlp"]) == {"[64,32]", "[8]"}
    assert {repr(value) for value in values["logit_terms.candidate_head"]} == {
        "True",
        "False",
        "None",
    }
    assert {repr(value) for value in values["hidden_size"]} == {"16", "32", "48", "64"}
    assert {repr(value) for value in values["losses.margin.margin"]} == {"0.0", "0.5", "1.0"}


def test_draws_are_distinct_repeatable_and_fewer_are_the_first_of_more(tmp_path: Path) -> None:
    (tmp_path / "small.hyper").write_text("a choice [1,2,3]\nb choice ['x','y']\n")
    space = read_space(str(tmp_path / "small.hyper"))
    six = sample(space, 6, seed=3)
    assert {canonical(params) for params in six} == {
        canonical({"a": a, "b": b}) for a in (1, 2, 3) for b in "xy"
    }
    assert sample(space, 4, seed=3) == six[:4]
    assert any(sample(space, 6, seed=seed) != six for seed in range(5))
    with pytest.raises(InputError, match="a, b has 6 configurations, and 7 are asked for"):
        sample(space, 7, seed=3)


def test_spaces_are_told_apart_by_what_they_draw(space: Dict[str, Any], tmp_path: Path) -> None:
    words = describe(space)
    assert words["grouping.n_groups"] == "choice [2, 5, 10]"
    assert words["learning_rate"] == "loguniform -8.0,-4.0"
    assert words["hidden_size"] == "quniform 16.0,64.0,16.0"
    assert not only_choices(space)
    assert only_choices({"grouping.n_groups": space["grouping.n_groups"]})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lr choice", "expected 'key kind values' with blanks between, not 'lr choice'"),
        ("lr\tchoice\t[1]", "expected 'key kind values' with blanks between"),
        ("lr normal 0,1", r"'lr normal 0,1' cannot be read: Illegal param type \[normal\]"),
        ("lr uniform 1", "'lr uniform 1' cannot be read"),
        ("lr choice [1,", r"'lr choice \[1,' cannot be read"),
        ("lr choice []", "cannot be read: there is no value to choose"),
        ("lr choice [print]", "cannot be read"),
        ("a uniform 1,2", "'a' stands on an earlier line already"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "bad.hyper"
    file.write_text(f"a uniform 0,1\n\n{line}\n")
    with pytest.raises(InputError, match=f"^params_file: {file}, line 3: .*{words}"):
        read_space(str(file))


def test_a_file_that_cannot_be_read_or_is_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.hyper cannot be read: No such file"):
        read_space("nowhere.hyper")
    (tmp_path / "empty.hyper").write_text("# nothing\n")
    with pytest.raises(InputError, match=r"empty\.hyper names no key"):
        read_space(str(tmp_path / "empty.hyper"))


def test_a_model_without_a_file_gets_the_default() -> None:
    assert space_file("SASRec").name == "SASRec.hyper"
    assert space_file("STAMP").name == "default.hyper"


def test_a_reader_with_settings_of_its_own_has_a_file_of_its_own() -> None:
    assert space_file("POEM", "ridge").name == "POEM-ridge.hyper"
    assert space_file("POEM", "none").name == "POEM-none.hyper"
    assert space_file("SASRec", "none").name == "SASRec.hyper"
    assert space_file("POEM", "partial_order").name == space_file("POEM").name == "POEM.hyper"


def asked(stem: str) -> Tuple[str, Dict[str, str]]:
    """Return the model that a file is for, and the keys that choose what it tunes."""
    model, _, reader = stem.partition("-")
    return model, {"ranking_reader": reader} if reader else {}


@pytest.mark.parametrize(
    "name", sorted({file.stem for file in (PROPERTIES / "tune").iterdir()} - {"default"})
)
def test_the_spaces_of_the_plugin_hold_known_keys_and_valid_values(name: str) -> None:
    model, chosen = asked(name)
    space = read_space(str(space_file(model, chosen.get("ranking_reader"))))
    assert 5 <= len(space) <= 7  # of comparable size
    defaults = Config(model, "ml-100k", config_dict=chosen)
    for params in sample(space, 20, seed=0):
        config = Config(model, "ml-100k", config_dict={**chosen, **params})
        assert config.unknown_keys() == []
        for key, value in params.items():
            default = defaults[key]
            assert config[key] == value
            assert isinstance(value, type(default)) or isinstance(default, (int, float)), key


def test_loading_hyperopt_says_nothing() -> None:
    code = (
        "from recbole_poem.training.search_space import require_hyperopt; require_hyperopt(); "
        "import hyperopt"
    )
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


class Reading(Config):
    """A configuration that remembers which of its keys were asked for."""

    asked: ClassVar[Set[str]] = set()

    def __getitem__(self, item: str) -> Any:
        self.asked.add(item)
        return super().__getitem__(item)


@pytest.mark.parametrize(
    "name", [file.stem for file in sorted((PROPERTIES / "tune").glob("*.hyper"))]
)
def test_every_key_that_a_file_searches_is_read_by_default(write_dataset: Any, name: str) -> None:
    """A key that nothing reads costs trials and finds chance."""
    model, chosen = asked("BPR" if name == "default" else name)
    file = space_file(model, chosen.get("ranking_reader"))
    keys = {line.split()[0] for line in file.read_text().splitlines() if line.strip()}
    given = {**write_dataset(random_log(1, n_users=40, n_items=25, longest=20)), "topk": [5]}
    given.update({"valid_metric": "NDCG@5", "ranking_source.n_candidates": 8})
    given = given if model == "POEM" else {k: v for k, v in given.items() if "." not in k}
    if model == "MultiTaskRanker":
        of_ranker = {"targets": {"liked": {"feedback": {"rating": "[4,inf)"}}}}
        given = {**given, **of_ranker, "valid_metric": "GAUC", "metrics": ["GAUC"]}
    config = Reading(model, config_dict={**given, **chosen})
    Reading.asked = set()
    experiment = assemble(config)
    trainer = get_trainer(config)(config, experiment.model)
    next(iter(experiment.train_data))
    trainer.evaluate(experiment.test_data, load_best_model=False)
    for key in keys:
        _, *settings = key.split(".")
        if settings:  # a component of the default has it
            assert config[key] is not None, f"{file}: {key}"
        else:
            assert key in Reading.asked, f"{file}: {key}"
