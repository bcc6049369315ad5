"""MovieLens: ratings, movies and users, in all the forms in which GroupLens published them."""

from recbole_poem.data.convert.movielens.conversion import convert

__all__ = ["convert"]
