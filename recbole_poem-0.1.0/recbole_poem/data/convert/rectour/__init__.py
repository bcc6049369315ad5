"""Expedia's RecTour 2021: searches for hotels and the ranked lists that they showed."""

from recbole_poem.data.convert.rectour.conversion import convert

__all__ = ["convert"]
