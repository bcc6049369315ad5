"""The request cache: the ranking of every request, and the sources that fill it."""
