"""Several names in one text, as a line of CSV: names may hold commas and quotes."""

import csv
import io
from typing import Iterable, List


def joined(names: Iterable[str]) -> str:
    """Return names with commas between them; those that hold one, or a quote, between quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def split(text: str) -> List[str]:
    """Return the names that a text joins, without the blanks around them.

    Raises
    ------
    csv.Error
        For a quote that does not close.
    """
    rows = csv.reader([text], strict=True, skipinitialspace=True)
    return [name.strip() for name in next(rows)]
