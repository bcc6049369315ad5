"""The flat data set over a flat store: its log lies on disk, and no frame of it is made."""

from recbole_poem.data.mapped.choice import over_store

__all__ = ["over_store"]
