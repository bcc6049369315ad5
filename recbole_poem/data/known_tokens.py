"""The ids of tokens, as a training gave them out, whatever the order of the files now.

A weight of a model belongs to an id. RecBole numbers tokens as they come up in the files, so that
ids mean something else in a file of another order, or with one more user. Here a data set is told
the tokens of a checkpoint: they keep their ids, and those that are new come behind them.

Items have to be those of the training, all of them and no others: they are what a model answers.
Users, and tokens of other columns, may be new or missing; whether the model has weights for each of
them is for `recbole_poem.training.restoring.load_weights` to say. Rows of equal time keep the
order of the file, so that a file in another order may swap them.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional

import numpy as np
import pandas as pd
import torch
from recbole.data.dataset import Dataset, KnowledgeBasedDataset
from recbole.utils.enum_type import FeatureType

from recbole_poem.core.errors import InputError
from recbole_poem.data import token_text

_NAMED = 5  # tokens that a sentence names


@dataclass(frozen=True, eq=False)
class KnownTokens:
    """The tokens of a training.

    Parameters
    ----------
    path : str
        The checkpoint.
    packed : dict
        Of each token field, what `packed` returns.
    """

    path: str
    packed: Mapping[str, torch.Tensor]

    def of(self, field: str) -> np.ndarray:
        """Return the tokens of a field in the order of their ids, from id 1, (n,) str.

        Raises
        ------
        InputError
            If the checkpoint's are no tokens.
        """
        try:
            return token_text.read(self.packed[field].numpy().tobytes())
        except (ValueError, AttributeError) as error:
            raise InputError(
                f"{self.path}: the tokens of '{field}' are damaged; train it again"
            ) from error


def packed(dataset: Any) -> Dict[str, torch.Tensor]:
    """Return the tokens of a data set by field, in the order of their ids, padding left out.

    Each field is a list in JSON, (bytes,) uint8: any token there can be, read at once.
    """
    return {
        str(field): torch.frombuffer(token_text.write(tokens[1:]), dtype=torch.uint8)
        for field, tokens in dataset.field2id_token.items()
    }


def are_same(these: Mapping[str, torch.Tensor], those: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether two data sets have the same tokens under the same ids; see `packed`."""
    return set(these) == set(those) and all(
        torch.equal(these[field], those[field]) for field in these
    )


def named(tokens: np.ndarray) -> str:
    """Return the first of some tokens in words: ``a, b, c, d, e and 2 more``."""
    more = len(tokens) - _NAMED
    return ", ".join(map(str, tokens[:_NAMED])) + (f" and {more} more" if more > 0 else "")


def told(dataset: Any, tokens_of_fields: Mapping[str, np.ndarray], what: str) -> List[str]:
    """Say of each field what its tokens are: ``2 users are new: a, b``."""
    kinds = {dataset.uid_field: ("user", "users"), dataset.iid_field: ("item", "items")}
    words = []
    for field, tokens in tokens_of_fields.items():
        one, many = kinds.get(field, (f"token of '{field}'", f"tokens of '{field}'"))
        number = f"{len(tokens)} {one} is" if len(tokens) == 1 else f"{len(tokens)} {many} are"
        words += [f"{number} {what}: {named(tokens)}"] if len(tokens) else []
    return words


class KnownTokensMixin(Dataset):
    """Mixin for any RecBole data set: gives the tokens of a training the ids they had there.

    Parameters
    ----------
    config : Config
    known : KnownTokens, optional
        None = tokens are numbered as they come up in the files.

    Attributes
    ----------
    newcomers, absentees : dict
        Of each field, the tokens (n,) str that the training did not have, and those that only the
        training had; empty without `known`.

    Raises
    ------
    InputError
        If the items are not those of the training.
    """

    def __init__(self, config: Any, known: Optional[KnownTokens] = None) -> None:
        self.known = known
        self.newcomers: Dict[str, np.ndarray] = {}
        self.absentees: Dict[str, np.ndarray] = {}
        self._is_changed = False
        super().__init__(config)

    def _remap(self, remap_list: List[Any]) -> None:
        super()._remap(remap_list)
        self._follow_known(remap_list)

    def _follow_known(self, remap_list: List[Any]) -> None:
        """Give columns that share their tokens the ids of the training, if it had them."""
        if self.known is not None and remap_list and remap_list[0][1] in self.known.packed:
            self._renumber(remap_list, self.known.of(remap_list[0][1]))

    def _renumber(self, remap_list: List[Any], then: np.ndarray) -> None:
        """Give columns that share their tokens new ids: those of `then` first."""
        field = remap_list[0][1]
        now = self.field2id_token[field][1:]
        if np.array_equal(now, then):
            return
        self._is_changed |= field == self.uid_field
        if field in self._numbered_by_graph():
            then = pd.unique(then[np.isin(then, now)])  # the others are added afterwards, once more
        place = pd.Index(then).get_indexer(now)
        is_new, is_there = place < 0, np.zeros(len(then), dtype=bool)
        is_there[place[~is_new]] = True
        self.newcomers[field], self.absentees[field] = now[is_new], then[~is_there]
        if field == self.iid_field:
            self._check_items()
        place[is_new] = len(then) + np.arange(is_new.sum())
        self._replace(remap_list, np.concatenate([then, now[is_new]]), np.r_[0, place + 1])

    def _replace(self, remap_list: List[Any], tokens: np.ndarray, ids: np.ndarray) -> None:
        """Turn RecBole's ids into `ids`, which stand for `tokens` from id 1."""
        tokens = np.concatenate([self.field2id_token[remap_list[0][1]][:1], tokens])
        numbers = dict(zip(tokens, range(len(tokens))))
        for feat, field, kind in remap_list:
            self.field2id_token[field], self.field2token_id[field] = tokens, numbers
            if kind == FeatureType.TOKEN:
                feat[field] = ids[feat[field].to_numpy()]
            else:
                feat[field] = [ids[each] for each in feat[field]]

    def _check_items(self) -> None:
        assert self.known is not None
        field, wrong, remedy = self.iid_field, [], []
        if self.absentees[field].size:
            wrong += told(self, {field: self.absentees[field]}, "missing")
            remedy.append("give the files that have the missing ones")
        if self.newcomers[field].size:
            wrong += told(self, {field: self.newcomers[field]}, "unknown to the model")
            remedy.append("leave the rows of the unknown ones out")
        if wrong:
            raise InputError(
                f"{self.known.path}: in {self.dataset_path} {', and '.join(wrong)}; "
                f"{' and '.join(remedy)}, or train again"
            )

    def _numbered_by_graph(self) -> List[str]:
        """List the columns that RecBole's knowledge graph numbers once more, after its items."""
        alias = (self.alias.get(name, []) for name in ("entity_id", "relation_id"))
        return [field for fields in alias for field in fields]

    def _remap_ID_all(self) -> None:  # noqa: N802 (RecBole's name)
        super()._remap_ID_all()
        if self.known is None:
            return
        self._check_columns(self.known)
        if isinstance(self, KnowledgeBasedDataset):
            self._check_graph(self.known)
        if self._is_changed and self.config["eval_args"]["order"] == "RO":
            self.logger.warning(
                f"{self.dataset_path} is not what it was at the training of {self.known.path}, and "
                "eval_args splits it by chance (order RO): its test rows may have been trained on"
            )

    def _check_columns(self, known: KnownTokens) -> None:
        """Refuse other names of the columns of users and items, and to lack what a model reads."""
        for key, field in (("USER_ID_FIELD", self.uid_field), ("ITEM_ID_FIELD", self.iid_field)):
            if field is not None and field not in known.packed:
                raise InputError(
                    f"{known.path}: {key} is '{field}' now, and the training had no such column of "
                    f"tokens; name one of {', '.join(known.packed)}, as it did"
                )
        selected = self.config["selected_features"] or []
        lost = [f for f in selected if f in known.packed and f not in self.field2id_token]
        if lost:
            raise InputError(
                f"{known.path}: the model reads {', '.join(lost)}, which {self.dataset_path} "
                "lacks or load_col does not name; give the columns of the training"
            )

    def _check_graph(self, known: KnownTokens) -> None:
        """Refuse a graph that gives entities, relations or items other ids than at the training."""
        for field in sorted(set(self.field2id_token) & set(known.packed)):
            then = known.of(field)
            if not np.array_equal(self.field2id_token[field][1 : len(then) + 1], then):
                raise InputError(
                    f"{known.path}: the knowledge graph in {self.dataset_path} gives '{field}' "
                    "other ids than at the training; give the .kg and .link files of the training, "
                    "or train again"
                )
