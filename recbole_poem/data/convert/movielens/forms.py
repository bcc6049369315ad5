"""The forms in which MovieLens was published: names of files, separators, columns."""

from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from recbole_poem.core.errors import InputError
from recbole_poem.data.convert.reading import either, some_names


class Form(NamedTuple):
    """How a set is written.

    Attributes
    ----------
    sets : str
        Its names, for messages.
    ratings, movies : str
        Names of the files.
    users : str, optional
    separator : str
        Between the fields of a rating.
    header : list of str, optional
        The names of the columns, where the file begins with them.
    described : str
        Between the fields of movies and users.
    genres : str
        The column of genres: ``class`` in RecBole's ml-100k.
    user : tuple of str
        The columns of a user, in the order of a row.
    """

    sets: str
    ratings: str
    movies: str
    users: Optional[str]
    separator: str
    header: Optional[List[str]]
    described: str
    genres: str = "genre"
    user: Tuple[str, ...] = ()


FORMS = (
    Form(
        "ML-100K", "u.data", "u.item", "u.user", "\t", None, "|", "class",
        ("user_id", "age", "gender", "occupation", "zip_code"),
    ),
    Form(
        "ML-1M or ML-10M", "ratings.dat", "movies.dat", "users.dat", "::", None, "::",
        user=("user_id", "gender", "age", "occupation", "zip_code"),
    ),
    Form(
        "ML-20M, ML-25M or ML-32M", "ratings.csv", "movies.csv", None, ",",
        ["userId", "movieId", "rating", "timestamp"], ",",
    ),
)  # fmt: skip


class Found(NamedTuple):
    """The files of a set; `users` is None where it has none."""

    form: Form
    ratings: Path
    movies: Path
    users: Optional[Path]

    @property
    def paths(self) -> List[Path]:
        """Return the files, in the order in which they are read: ratings twice."""
        users = [] if self.users is None else [self.users]
        return [self.ratings, self.ratings, self.movies, *users]


def find(source: Path) -> Found:
    """Find the files of a set in a folder; each may be packed (``.gz``).

    Raises
    ------
    InputError
        If there is no folder, no ratings or no movies in it, ratings of several sets, or a file
        twice.
    """
    if not source.is_dir():
        raise InputError(f"--source: there is no folder {source}")
    found = [(form, path) for form in FORMS if (path := _path(source, form.ratings)) is not None]
    if len(found) > 1:
        one, other = (path.name for _, path in found[:2])
        raise InputError(f"{source}: {one} and {other} are of different sets; keep one of them")
    if not found:
        names = ", ".join(f"{form.ratings} ({form.sets})" for form in FORMS)
        raise InputError(
            f"{source}: there are no ratings in it, {names}; it holds {some_names(source)}"
        )
    form, ratings = found[0]
    movies = _path(source, form.movies)
    if movies is None:
        raise InputError(
            f"{source}: there is no {form.movies} beside {form.ratings}; it holds "
            f"{some_names(source)}"
        )
    users = None if form.users is None else _path(source, form.users)
    return Found(form, ratings, movies, users)


def _path(source: Path, name: str) -> Optional[Path]:
    return either(source, name, f"{name}.gz")
