"""Tables of events, a row an event: CSV, JSON lines, Parquet, DataFrames, to atomic files.

What a table does not say is guessed where only one reading makes sense, and every guess is told.
"""

from recbole_poem.data.convert.table.conversion import Converted, convert

__all__ = ["Converted", "convert"]
