"""Names of data sets: folders are made from them."""

from typing import Any

import pytest

from recbole_poem.core.errors import InputError
from recbole_poem.training.checks.names import check_dataset_name
from recbole_poem.training.config import Config


@pytest.mark.parametrize("name", ["toy", "ml-100k", "toy.inter", "my set", "3"])
def test_names_of_folders_pass(name: str) -> None:
    check_dataset_name(name)


@pytest.mark.parametrize(
    "name", ["toy/", "dataset/toy", "/toy", "toy\\", "a\\b", "", ".", "..", " toy", 3, None]
)
def test_paths_and_what_is_no_name_are_refused(name: Any) -> None:
    with pytest.raises(InputError, match=r"^dataset: expected a name without '/', such as toy"):
        check_dataset_name(name)


def test_a_configuration_looks_at_the_name_first() -> None:
    for name in ("toy/", ""):
        with pytest.raises(InputError, match="is --data_path"):
            Config("POEM", name)
