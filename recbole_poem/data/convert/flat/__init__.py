"""From the atomic file of a log to its flat store, in memory that the log does not fill.

What stays in memory are the distinct tokens, about 50 bytes each; of the rows it is a part.
"""

from recbole_poem.data.convert.flat.writing import write_flat

__all__ = ["write_flat"]
