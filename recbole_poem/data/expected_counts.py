"""Whether a data set is the one that published tables speak of, by its counts."""

from typing import Dict, Optional

from recbole_poem.core.errors import InputError


def check_counts(found: Dict[str, int], expected: Optional[Dict[str, int]], dataset: str) -> None:
    """Compare users, items and interactions, after the filters, with the key ``expected_counts``.

    Raises
    ------
    InputError
        If one of them differs.
    """
    for name, number in (expected or {}).items():
        if found[name] != number:
            words = ", ".join(f"{value:,} {key}" for key, value in found.items())
            raise InputError(
                f"expected_counts: {dataset} should have {number:,} {name} after the filters, and "
                f"has {words}; other files, other filters, or leave the key out"
            )
