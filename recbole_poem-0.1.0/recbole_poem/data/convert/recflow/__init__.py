"""RecFlow (Kuaishou, ICLR 2025): a log of all stages of a cascade, to exposures and rankings."""

from recbole_poem.data.convert.recflow.conversion import convert

__all__ = ["convert"]
