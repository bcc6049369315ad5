"""Census-Income (KDD) of the UCI repository: persons, their income, whether they ever married.

The two files have no header, and a blank behind each comma. There are no requests in it: a person
is an item with its answers as columns, and one user, ``census``, is asked about all of them. The
time is the number of the row, so a split at the first row of ``census-income.test`` is the
published one. A GAUC over one user is the AUC.
"""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pandas as pd

from recbole_poem.core.errors import InputError
from recbole_poem.core.files import writing_into
from recbole_poem.data.convert.columns import as_text
from recbole_poem.data.convert.reading import either, progress, some_names
from recbole_poem.data.convert.table.csv_table import CsvTable
from recbole_poem.data.convert.table.source import Reading
from recbole_poem.data.convert.writing import AtomicFiles

#: the parts as published, in the order of time
PARTS = ("census-income.data", "census-income.test")
#: the answers, in the order of a row; the last column of a row is the income
ANSWERS = (
    "age", "class_of_worker", "detailed_industry", "detailed_occupation", "education",
    "wage_per_hour", "enrolled_last_week", "marital_status", "major_industry",
    "major_occupation", "race", "hispanic_origin", "sex", "labor_union", "unemployment_reason",
    "full_or_part_time", "capital_gains", "capital_losses", "dividends", "tax_filer_status",
    "previous_region", "previous_state", "detailed_household", "household_summary",
    "instance_weight", "migration_msa", "migration_region", "migration_within_region",
    "same_house_last_year", "migration_sunbelt", "employer_persons", "family_under_18",
    "father_birth_country", "mother_birth_country", "birth_country", "citizenship",
    "own_business", "veteran_questionnaire", "veteran_benefits", "weeks_worked", "year",
)  # fmt: skip
NUMBERS = (
    "age", "wage_per_hour", "capital_gains", "capital_losses", "dividends", "instance_weight",
    "employer_persons", "weeks_worked",
)  # fmt: skip
_INCOME = {"- 50000.": 0, "50000+.": 1}
_NEVER_MARRIED = "Never married"
INTER = {
    "user": "token", "person": "token", "row": "float", "income": "float",
    "never_married": "float",
}  # fmt: skip
ITEM = {
    "person": "token",
    **{name: "float" if name in NUMBERS else "token" for name in ANSWERS},
}  # fmt: skip


def convert(source: Path, output: Path) -> str:
    """Convert Census-Income.

    Parameters
    ----------
    source : Path
        The folder of ``census-income.data`` and ``census-income.test``, also packed (``.gz``).
    output : Path
        The folder to write, named like the data set.

    Returns
    -------
    str
        A summary.

    Raises
    ------
    InputError
        For whatever is wrong with a file; nothing is written then.
    """
    if not source.is_dir():
        raise InputError(f"--source: there is no folder {source}")
    paths = [_path(source, name) for name in PARTS]
    with progress(paths) as bar:
        persons = [_persons(path, bar) for path in paths]
    rows = pd.concat(persons, ignore_index=True)
    number = np.arange(len(rows))
    rows = rows.assign(user="census", person=number + 1, row=number)
    with writing_into(output):
        output.mkdir(parents=True, exist_ok=True)
    with AtomicFiles(output, {"inter": INTER, "item": ITEM}) as files:
        files.write("inter", rows)
        files.write("item", rows)
    return "\n".join(_summary(rows, len(persons[0])))


def _path(source: Path, name: str) -> Path:
    path = either(source, name, f"{name}.gz")
    if path is None:
        raise InputError(
            f"{source}: there is no {name} (or .gz) in it; it holds {some_names(source)}"
        )
    return path


def _persons(path: Path, bar: Any) -> pd.DataFrame:
    """Read a part; a question mark is no answer."""
    table = CsvTable(path, Reading(",", names=[*ANSWERS, "income"]))
    rows = table.read(table.columns, bar).apply(lambda column: column.str.strip())
    labels = rows["income"].map(_INCOME)
    if labels.isna().any():
        row = int(np.flatnonzero(labels.isna())[0])
        raise InputError(
            f"{table.place(row)}: expected {' or '.join(_INCOME)} in the last column, found "
            f"'{rows['income'].iloc[row]}'"
        )
    columns: Dict[str, Any] = {name: as_text(rows[name].replace("?", "")) for name in ANSWERS}
    columns.update({name: _numbers(rows[name], table) for name in NUMBERS})
    answers = pd.DataFrame(columns)
    is_single = (answers["marital_status"] == _NEVER_MARRIED).astype(int)
    return answers.assign(income=labels, never_married=is_single)


def _numbers(values: pd.Series, table: CsvTable) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise InputError(
            f"{table.place(int(wrong[0]))}: expected a number as '{values.name}', found "
            f"'{values.iloc[wrong[0]]}'"
        )
    return numbers


def _summary(rows: pd.DataFrame, n_training: int) -> List[str]:
    shares: List[Tuple[str, float]] = [
        (name, rows[name].mean()) for name in ("income", "never_married")
    ]
    return [
        f"{len(rows):,} persons, {n_training:,} of them of {PARTS[0]}",
        "share of each label: " + ", ".join(f"{name} {share:.4f}" for name, share in shares),
        f"the first row of {PARTS[1]} is {n_training}; the rows before it are for training and "
        "validation",
    ]
