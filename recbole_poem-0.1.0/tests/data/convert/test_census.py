"""Census-Income: a miniature that a ranker learns, and the words for a file that is wrong."""

import gzip
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import worlds
import yaml

from recbole_poem.cli.verbs import main
from recbole_poem.core.errors import InputError
from recbole_poem.data.convert import census
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.properties import PROPERTIES
from recbole_poem.training.quick_start import run_recbole_poem

N_TRAINING, N_VALID, N_TEST = 200, 100, 100


def person(**answers: Any) -> str:
    """Return a line as published: a blank behind each comma, no quotes."""
    usual = {name: "0" if name in census.NUMBERS else "Not in universe" for name in census.ANSWERS}
    values: Dict[str, Any] = {**usual, "instance_weight": "1700.09", "income": "- 50000."}
    values.update(answers)
    return ", ".join(str(value) for value in values.values())


def world(n_rows: int, seed: int) -> List[str]:
    """Income is a matter of wages and of the education, never having married of the age."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n_rows):
        age, wage, level = rng.integers(10, 80), 500 * rng.integers(0, 3), rng.integers(0, 2)
        lines.append(
            person(
                age=age,
                wage_per_hour=wage,
                education=f"level {level}",
                marital_status="Never married" if age < 30 else "Widowed",
                income="50000+." if wage + 500 * level > 900 else "- 50000.",
            )
        )
    return lines


def write(folder: Path, training: List[str], test: List[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in zip(census.PARTS, (training, test)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_person_is_an_item_and_its_labels_are_a_row(tmp_path: Path) -> None:
    training = [
        person(age=30, marital_status="Never married", migration_msa="?", income="50000+."),
        person(age=5, education="Children"),
    ]
    source = write(tmp_path / "raw", training, [person(age=77)])
    summary = census.convert(source, tmp_path / "mini").splitlines()
    assert summary[0] == "3 persons, 2 of them of census-income.data"
    assert summary[1] == "share of each label: income 0.3333, never_married 0.3333"
    rows = worlds.read(tmp_path / "mini", "inter")
    assert list(rows) == ["user", "person", "row", "income", "never_married"]
    assert rows.to_numpy().tolist() == [
        ["census", "1", "0", "1", "1"],
        ["census", "2", "1", "0", "0"],
        ["census", "3", "2", "0", "0"],
    ]
    persons = worlds.read(tmp_path / "mini", "item")
    assert list(persons) == ["person", *census.ANSWERS]
    assert persons["age"].tolist() == ["30", "5", "77"]
    assert persons["education"].tolist() == ["Not in universe", "Children", "Not in universe"]
    assert persons["migration_msa"].tolist() == ["", "Not in universe", "Not in universe"]
    assert set(persons["instance_weight"]) == {"1700.09"}


def test_packed_files_are_read(tmp_path: Path) -> None:
    source = write(tmp_path / "raw", [person(age=30)], [person(age=31)])
    path = source / census.PARTS[1]
    (source / f"{census.PARTS[1]}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert census.convert(source, tmp_path / "mini").startswith("2 persons, 1 of them")


@pytest.fixture
def keys(tmp_path: Path) -> Dict[str, Any]:
    """Convert a world as a command, and return keys to learn it in a moment."""
    source = write(tmp_path / "raw", world(N_TRAINING + N_VALID, 0), world(N_TEST, 1))
    arguments = ["--source", str(source), "--output", str(tmp_path / "census")]
    assert main(["convert", "census", *arguments]) == 0
    cuts = {"valid": N_TRAINING, "test": N_TRAINING + N_VALID}
    return {
        "data_path": str(tmp_path),
        "eval_args": {"split": {"split_by_time": cuts}, "order": "TO", "mode": "labeled"},
        "train_batch_size": 50,
        "learning_rate": 0.01,
        "epochs": 12,
    }


def test_a_ranker_learns_it_on_the_published_split(keys: Dict[str, Any]) -> None:
    result = run_recbole_poem("MultiTaskRanker", "census", config_dict=keys)["test_result"]
    assert result["auc income"] > 0.9 and result["auc never_married"] > 0.9
    assert result["gauc income"] == pytest.approx(result["auc income"])  # there is one user
    experiment = assemble(Config("MultiTaskRanker", "census", config_dict=keys))
    loaders = experiment.train_data, experiment.valid_data, experiment.test_data
    # the first row of the log is the first of its user
    assert [len(loader.rows) for loader in loaders] == [N_TRAINING - 1, N_VALID, N_TEST]


def test_labels_weights_and_numbers_of_persons_are_no_features(keys: Dict[str, Any]) -> None:
    def columns(**more: Any) -> int:
        model = assemble(Config("MultiTaskRanker", "census", config_dict={**keys, **more})).model
        return len(model.features.items.fields)

    loaded = yaml.safe_load((PROPERTIES / "dataset" / "census.yaml").read_text())["load_col"]
    told = {"marital_status", "tax_filer_status", "detailed_household", "household_summary",
            "family_under_18", "instance_weight"}  # fmt: skip
    assert set(loaded["item"]) == {"person", *census.ANSWERS} - told
    assert columns() == len(loaded["item"]) - 1
    assert columns(id_features=True) == len(loaded["item"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (person() + ", 1", r"census-income\.test, line 2: 43 fields, and 42 are named; put"),
        (person(income="rich"), r"line 2: expected - 50000\. or 50000\+\. in the last .*'rich'"),
        (
            person(age="old"),
            r"census-income\.test, line 2: expected a number as 'age', found 'old'",
        ),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(
    tmp_path: Path, line: str, words: str
) -> None:
    source = write(tmp_path / "raw", [person()], [person(), line])
    with pytest.raises(InputError, match=words):
        census.convert(source, tmp_path / "mini")
    assert not (tmp_path / "mini").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (person() + ", 1", r"census-income\.test: line 1 has 43 fields, and 42 columns are named"),
        ("", r"census-income\.test: line 1 is empty; it has to hold rows"),
    ],
)
def test_a_wrong_first_line_is_no_header(tmp_path: Path, line: str, words: str) -> None:
    source = write(tmp_path / "raw", [person()], [line])
    with pytest.raises(InputError, match=words):
        census.convert(source, tmp_path / "mini")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--source: there is no folder"):
        census.convert(tmp_path / "nowhere", tmp_path / "mini")
    source = write(tmp_path / "raw", [person()], [person()])
    (source / census.PARTS[1]).unlink()
    with pytest.raises(InputError, match=r"there is no census-income\.test \(or \.gz\) in it"):
        census.convert(source, tmp_path / "mini")
