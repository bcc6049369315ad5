"""Look-alikes: users who, up to a moment, are like a user, found by signed random projections.

A user is the sum of random directions, one for each row that he liked, and one for his columns,
which together count as one row. The signs of 64 projections of that sum are his code (SimHash,
Charikar, STOC 2002): of two users at the angle a, a share ``1 - a / pi`` of the bits agrees. The
code is cut into T parts, and a part names a bucket of the part's table::

    rows of u    ------ r1 ------------- r2 ---------- r3 -------> time
    his code     columns | columns + r1  | ... + r2    | ...
    bucket                enters 17                      enters 4

A table keeps when who came to a bucket, so that it grows with the rows. A request at time t looks
up those who came to its buckets last before t. The nearest win, by the codes with which they came;
among equals who came last. What they liked is told up to t.

Before his first row a user is what his columns say, and at that row he is put in those buckets as
well. So a user without rows meets users who began like him; where there are no columns, those who
began last.
"""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from torch import nn

from recbole_poem.rankers.column_directions import column_directions
from recbole_poem.rankers.feature_fields import Field

N_BITS = 64
_SCALE = 2.0**16  # of directions as whole numbers, whose sums are exact in any order
_NONE = torch.iinfo(torch.int64).max  # farther than anybody


class LikedRows(NamedTuple):
    """P rows that users liked, sorted by user and, within a user, by time.

    Attributes
    ----------
    user, item, time : (P,) int64
        Ids from 1; the time in seconds.
    """

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray


class LookAlikes(nn.Module):
    """Finds look-alikes of users at any time; see the module.

    Its content is made of data and is not part of the state that is saved.

    Parameters
    ----------
    rows : LikedRows
    n_users, n_items : int
        Sizes of the id spaces, padding included.
    columns : sequence of Field
        Columns of the users; may be none.
    n_tables : int
        T, a divisor of 64.
    depth : int
        D, entries that a request looks up in each table.
    seed : int
        Draws the directions.
    """

    begin: torch.Tensor
    codes: torch.Tensor
    users: torch.Tensor
    items: torch.Tensor
    moments: torch.Tensor
    entries: torch.Tensor
    places: torch.Tensor

    def __init__(
        self,
        rows: LikedRows,
        n_users: int,
        n_items: int,
        columns: Sequence[Field],
        n_tables: int,
        depth: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.n_tables, self.depth = n_tables, depth
        self.n_buckets = 2 ** (N_BITS // n_tables)
        rng = np.random.default_rng(seed)
        directions = _whole(rng.normal(size=(n_items, N_BITS)))
        begin = _whole(column_directions(columns, n_users, N_BITS, rng))
        states = _states(rows, begin, directions)
        self.since = int(states.time.min()) if len(states.time) else 0
        time = states.time - self.since
        self.span = int(time.max(initial=0)) + 2  # a request after the last row sees all
        entries, places = self._entries(states.code, states.user, time)
        content = {
            "begin": _packed(begin),  # (n_users,) codes of users without rows
            "codes": states.code,  # (S,) codes of the states
            "users": states.user,
            "items": states.item,
            "moments": states.user * self.span + time,  # ascending
            "entries": entries,  # ascending
            "places": places,  # the state of each entry
        }
        for name, values in content.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def _entries(
        self, code: np.ndarray, user: np.ndarray, time: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """List who came to a bucket: keys ``slot * span + time``, ascending, and states."""
        other_user = _begins(user)
        keys: List[np.ndarray] = []
        states: List[np.ndarray] = []
        for slot in self._slots(torch.from_numpy(code)).numpy().T:
            came = np.flatnonzero(other_user | _begins(slot))
            keys.append(slot[came] * self.span + time[came])
            states.append(came)
        key = np.concatenate(keys)
        order = np.argsort(key, kind="stable")
        return key[order], np.concatenate(states)[order]

    def _slots(self, code: torch.Tensor) -> torch.Tensor:
        """Return the bucket of each table, numbered over all tables, for codes (...): (..., T)."""
        table = torch.arange(self.n_tables, device=code.device)
        part = code.unsqueeze(-1) >> (table * (N_BITS // self.n_tables))
        return table * self.n_buckets + (part & (self.n_buckets - 1))

    @torch.no_grad()
    def forward(self, user: torch.Tensor, time: torch.Tensor, n: int) -> torch.Tensor:
        """Find up to n look-alikes of users (B,) at times (B,) in seconds, nearest first.

        Returns
        -------
        (B, n) int64
            Each look-alike as his last state before the time, for `users_of` and
            `latest_items`; -1 = none.
        """
        since = (time - self.since).clamp(0, self.span - 1)
        found, users, far = self._candidates(user, since)
        far, order = far.sort(dim=1, stable=True)
        users, found = users.gather(1, order), found.gather(1, order)
        far = torch.where(found & _first_of_each(users), far, _NONE)
        width = min(n, far.shape[1])
        far, best = far.topk(width, dim=1, largest=False, sorted=True)
        states = torch.full((len(user), n), -1, device=user.device)
        last = self._last(users.gather(1, best), since.unsqueeze(1))
        states[:, :width] = torch.where(far < _NONE, last, -1)
        return states

    def _candidates(
        self, user: torch.Tensor, since: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Look up the tables: who is there, and how far he is, (B, T D) each."""
        if not len(self.entries):
            nobody = user.new_zeros(len(user), 0)
            return nobody.bool(), nobody, nobody
        code = self._code(user, since)
        slot = self._slots(code) * self.span  # (B, T)
        end = torch.searchsorted(self.entries, slot + since.unsqueeze(1))
        at = end.unsqueeze(-1) - 1 - torch.arange(self.depth, device=user.device)  # (B, T, D)
        entries = self.entries[at.clamp(min=0)]
        found = (at >= 0) & (entries >= slot.unsqueeze(-1))
        states = self.places[at.clamp(min=0)].flatten(1)
        users = self.users[states]
        found = found.flatten(1) & (users != user.unsqueeze(1))
        differing = n_bits_set(self.codes[states] ^ code.unsqueeze(1))
        age = (since[:, None, None] + slot.unsqueeze(-1) - entries).flatten(1)
        far = torch.where(found, differing * self.span + age, _NONE)
        return found, users, far

    def _last(self, user: torch.Tensor, since: torch.Tensor) -> torch.Tensor:
        """Return the last state of each user before a time; of another user where he has none."""
        return torch.searchsorted(self.moments, user * self.span + since) - 1

    def _code(self, user: torch.Tensor, since: torch.Tensor) -> torch.Tensor:
        last = self._last(user, since).clamp(min=0)
        before = self.moments[last] < user * self.span + since
        known = before & (self.users[last] == user)
        return torch.where(known, self.codes[last], self.begin[user])

    def users_of(self, states: torch.Tensor) -> torch.Tensor:
        """Return whose `states` (B, k) are: (B, k), 0 = nobody's."""
        if not len(self.users):
            return torch.zeros_like(states)
        return torch.where(states >= 0, self.users[states.clamp(min=0)], 0)

    def latest_items(self, states: torch.Tensor, n: int) -> torch.Tensor:
        """Return the n items that users in `states` (B, k) liked last: (B, k, n), 0 = none."""
        if not len(self.items):
            return states.new_zeros(*states.shape, n)
        at = (states.unsqueeze(-1) - torch.arange(n, device=states.device)).clamp(min=0)
        mine = (states >= 0).unsqueeze(-1) & (self.users[at] == self.users_of(states).unsqueeze(-1))
        return torch.where(mine, self.items[at], 0)  # state 0 is a beginning, and has none


def n_bits_set(code: torch.Tensor) -> torch.Tensor:
    """Count the bits that are set in int64 codes, of any shape."""
    code = code - ((code >> 1) & 0x5555555555555555)
    code = (code & 0x3333333333333333) + ((code >> 2) & 0x3333333333333333)
    code = (code + (code >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (code * 0x0101010101010101) >> 56


def _first_of_each(numbers: torch.Tensor) -> torch.Tensor:
    """Mark in each row of (B, C) the first place of every number."""
    ordered, place = numbers.sort(dim=1, stable=True)
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return torch.empty_like(first).scatter_(1, place, first)


class _States(NamedTuple):
    """A state of a user before his first row, and one after each: (S,), as `LikedRows`.

    Attributes
    ----------
    code : (S,) int64
        His bits.
    user : (S,) int64
    item : (S,) int64
        Of the row before the state; 0 = none.
    time : (S,) int64
        When the state is known: that of the row before, or of the first.
    """

    code: np.ndarray
    user: np.ndarray
    item: np.ndarray
    time: np.ndarray


def _states(rows: LikedRows, begin: np.ndarray, directions: np.ndarray) -> _States:
    """Add up what users liked.

    Parameters
    ----------
    rows : LikedRows
    begin : (n_users, 64) int64
        The sums that users begin with.
    directions : (n_items, 64) int64
    """
    begins = _begins(rows.user)
    first, block = np.flatnonzero(begins), np.cumsum(begins) - 1
    parts = []
    for bit in range(0, N_BITS, 8):  # a byte at once, or the sums would need much memory
        own = directions[rows.item, bit : bit + 8]
        total = own.cumsum(axis=0)
        total -= (total - own)[first][block]
        parts.append(_bytes(total + begin[rows.user, bit : bit + 8]))
    code = np.concatenate(parts, axis=1).view("<i8")[:, 0]
    of = rows.user[first]
    return _States(
        np.insert(code, first, _packed(begin[of])),
        np.insert(rows.user, first, of),
        np.insert(rows.item, first, 0),
        np.insert(rows.time, first, rows.time[first]),
    )


def _begins(of: np.ndarray) -> np.ndarray:
    """Mark where numbers (S,) differ from the one before; the first does."""
    return np.r_[True, of[1:] != of[:-1]][: len(of)]


def _packed(sums: np.ndarray) -> np.ndarray:
    """Turn sums (..., 64) into codes, one bit for each that is above 0: (...) int64."""
    return _bytes(sums).view("<i8")[..., 0]


def _bytes(sums: np.ndarray) -> np.ndarray:
    return np.packbits(sums > 0, axis=-1, bitorder="little")


def _whole(numbers: np.ndarray) -> np.ndarray:
    return np.rint(numbers * _SCALE).astype(np.int64)
