"""Names in one line."""

import csv

import pytest

from recbole_poem.core.one_line import joined, split


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["anna", "ben"], "anna,ben"),
        (["kunde 0479", "u7"], "kunde 0479,u7"),
        (["Doe, J 1", "Doe, J 2"], '"Doe, J 1","Doe, J 2"'),
        (['"x', '5" disc', "it's"], '"""x","5"" disc",it\'s'),
    ],
)
def test_names_come_back(names: "list[str]", line: str) -> None:
    assert joined(names) == line
    assert split(line) == names


def test_blanks_around_names_go_and_an_open_quote_is_an_error() -> None:
    assert split(' anna , ben, "Doe, J"') == ["anna", "ben", "Doe, J"]
    assert split("u7,,u8") == ["u7", "", "u8"]
    with pytest.raises(csv.Error):
        split('"Doe, J')
