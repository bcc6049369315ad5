"""The users of KuaiRand and of KuaiRec, whose files of them have the same columns."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pandas as pd

from recbole_poem.data.convert.columns import ID, LIST, USER_COLUMNS, Column, as_list, first_of_each
from recbole_poem.data.convert.reading import whole

FRIEND_COLUMNS: Dict[str, Column] = {"user_id": ID, "friend_list": LIST}


class UserTable:
    """The rows of ``.user``.

    Parameters
    ----------
    users : Path, optional
        ``user_features``.
    friends : Path, optional
        ``social_network``, read beside it.
    """

    def __init__(self, users: Optional[Path], friends: Optional[Path] = None) -> None:
        self._users, self._friends = users, friends
        self.paths = [path for path in (users, friends) if path is not None]
        #: sentences for the summary
        self.notes: List[str] = []

    def types(self) -> Dict[str, str]:
        """Return the columns and their types; none without files."""
        columns = {
            **(USER_COLUMNS if self._users is not None else {}),
            **(FRIEND_COLUMNS if self._friends is not None else {}),
        }
        return {name: column.type for name, column in columns.items()}

    def rows(self, folder: Path, bar: Any = None) -> Iterator[pd.DataFrame]:
        """Yield the rows, a row a user, in the order of the file.

        Raises
        ------
        InputError
            For whatever is wrong with a file.
        """
        if self._users is None:
            return
        users = whole(self._users, USER_COLUMNS, "user_features", bar)
        users = first_of_each(users, "user_id", self.notes, self._users.name)
        if self._friends is None:
            yield users
            return
        network = whole(self._friends, FRIEND_COLUMNS, "social_network", bar)
        network = first_of_each(network, "user_id", self.notes, self._friends.name)
        network = network.assign(friend_list=as_list(network["friend_list"]))
        yield users.merge(network, on="user_id", how="left")
