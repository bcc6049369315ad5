"""POEM: Partial-Order Enhanced Modeling (arXiv 2606.29946), as a RecBole sequential recommender.

A history encoder reads the user's history, a ranking reader what the ranking stage said at the
user's previous request; a state fusion makes the user state u of both, and ``u . e_i``, with the
logit terms, scores item i. Which parts come from the paper and which are our reading stands in the
README; every part is a component (``recbole-poem components``).
"""

from functools import partial
from typing import Any, ClassVar, Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import ITEM_FIELDS
from recbole_poem.core.processes import n_processes
from recbole_poem.core.stage import Choice, Stage
from recbole_poem.core.stages import (
    GROUPINGS,
    HISTORY_ENCODERS,
    ITEM_TABLES,
    LOGIT_TERMS,
    LOSSES,
    OBJECTIVES,
    RANKER_INPUTS,
    RANKER_OPTIMIZERS,
    RANKERS,
    RANKING_READERS,
    RANKING_SOURCES,
    RERANKERS,
    ROW_FEATURES,
    SCORE_FUSIONS,
    STATE_FUSIONS,
    TARGETS,
)
from recbole_poem.encoders.history import KnowsItemGraph
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.tables import Opened
from recbole_poem.log.row_features import features_of, field_of
from recbole_poem.logits.added import LogitTerms
from recbole_poem.logits.scoring import Interest, Items, all_logits, logits_of, of_state
from recbole_poem.losses.parts import Parts, term_of
from recbole_poem.losses.terms import FollowsEpochs, SpeaksAtEnd
from recbole_poem.models.fusing import score_fusion_of
from recbole_poem.models.keys import POEMKeys, check_poem
from recbole_poem.models.learning import calculate_parts, names_of_parts
from recbole_poem.models.ranking_side import RankingSide, Read


class POEM(SequentialRecommender):
    """The model; with no ranking reader and the feedback loss alone, a sequential recommender.

    Parameters
    ----------
    config : Config
    dataset : POEMDataset
        The training split, with the request cache where one is read.
    """

    input_type = InputType.POINTWISE
    keys = POEMKeys
    stages: ClassVar[Tuple[Stage, ...]] = (
        RANKING_SOURCES, OBJECTIVES, TARGETS, RANKER_INPUTS, RANKERS, RANKER_OPTIMIZERS,
        SCORE_FUSIONS, GROUPINGS, RANKING_READERS, ITEM_TABLES, ROW_FEATURES, HISTORY_ENCODERS,
        STATE_FUSIONS, LOGIT_TERMS, LOSSES, RERANKERS,
    )  # fmt: skip

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        chosen = config.component
        self.hide_target, self.n_processes = config["hide_target"], n_processes(config)
        #: log probability of each item as a sampled negative; None = the softmax is exact
        self.log_q: Optional[torch.Tensor]
        self.register_buffer("log_q", dataset.log_q, persistent=False)
        #: names of what a ranking's scores mean, for whoever brings rankings to a checkpoint
        self.objectives = list(dataset.objectives)
        self.other_parameter_name = ["objectives"]
        self.row_features = features_of(config)

        sizes, std = Sizes.of(config, self.max_seq_length), config["initializer_range"]
        history_encoder = partial(self._history_encoder, config, sizes, dataset.item_graph)
        self.item_embedding = chosen("item_table").make(self.n_items, sizes, self.n_processes)
        self.history_encoder = history_encoder()
        self.knows_graph = isinstance(self.history_encoder, KnowsItemGraph)
        self.ranking_side: Optional[RankingSide] = None
        if self.reads_rankings(config):
            fusion = score_fusion_of(config, dataset, sizes.hidden_size)
            self.ranking_side = RankingSide(config, sizes, fusion)
        n_features = self.ranking_side.score_fusion.n_features if self.ranking_side else 0
        n_candidates = config["ranking_source.n_candidates"]
        terms = chosen("logit_terms")
        self.logit_terms = LogitTerms(terms, n_features, n_candidates, dataset.trends, self.n_items)
        parts = Parts(self.n_items, sizes, self.history_encoder.n_interests, std, history_encoder)
        self.losses = {name: term_of(term, parts) for name, term in self.loss_terms(config).items()}
        #: those that have weights of their own
        self.learned_losses = nn.ModuleDict(
            {name: term for name, term in self.losses.items() if isinstance(term, nn.Module)}
        )
        #: whether a batch may say nothing of some weights, which then stay
        self.spares_weights = len(self.learned_losses) > 0
        is_stacked = config["ranking_training"] == "stacked"
        self.is_stacked = is_stacked and self.ranking_side is not None
        is_joint = self.ranking_side is not None and not is_stacked
        self.request_weight = config["request_weight"] if is_joint else 1.0
        self.item_embedding.begin(std)
        self.history_encoder.reset_parameters(std)
        if self.ranking_side is not None:
            self.ranking_side.reset_parameters(std)
        self.logit_terms.reset_parameters(std)

    def _history_encoder(self, config: Any, sizes: Sizes, graph: Any) -> Any:
        """Make a history encoder, which may know all items by a graph."""
        encoder = config.component("history_encoder").make(sizes, self.row_features)
        if isinstance(encoder, KnowsItemGraph) and graph is not None:
            encoder.know(graph)
        return encoder

    @staticmethod
    def reads_rankings(config: Any) -> bool:
        """Tell whether a configuration has the model read the rankings of previous requests."""
        return config.component("ranking_reader") is not None

    @staticmethod
    def loss_terms(config: Any) -> Dict[str, Choice]:
        """Return the terms that a configuration learns by."""
        terms: Dict[str, Choice] = config.component("losses")
        return terms

    #: refuses keys and components that do not fit each other
    check_keys = staticmethod(check_poem)

    @property
    def request_fields(self) -> List[str]:
        """Fields of a batch that `forward` reads."""
        fields = [self.ITEM_SEQ, self.ITEM_SEQ_LEN]
        fields += [*map(field_of, self.row_features), *self.logit_terms.fields]
        if self.ranking_side is not None:
            fields += self.ranking_side.fields
        return fields

    # -- the parts of a score -------------------------------------------------------------------

    def opened(self, batch: Interaction) -> Opened:
        """Return a batch with the embeddings that its items stand for: of all, or of its own."""
        opened: Opened = self.item_embedding.opened(batch, [self.ITEM_SEQ, *ITEM_FIELDS])
        return opened

    def table(self, weight: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Return what rows are read from, (n, d): embeddings, or what a graph makes of them.

        Whoever needs it several times makes it once, and hands it on; `weight` is that of `opened`,
        default: of all items.
        """
        embedding = self.item_embedding.weight if weight is None else weight
        return self.history_encoder.table(embedding) if self.knows_graph else embedding

    def scoring_items(
        self, weight: Optional[torch.Tensor] = None, ids: Optional[torch.Tensor] = None
    ) -> Items:
        """Return what the catalogue is scored by, or the items `ids` (n,) of embeddings (n, d)."""
        weight = self.item_embedding.weight if weight is None else weight
        embedding = self.logit_terms.of_items(self.history_encoder.scoring(weight))
        calendars = self.logit_terms.calendars
        return Items(embedding, calendars if ids is None else tuple(c.of(ids) for c in calendars))

    def rows(self, batch: Interaction) -> Rows:
        """Return the features of the rows of histories, (B, W) each."""
        return {name: batch[field_of(name)] for name in self.row_features}

    def steps(self, batch: Interaction, of: torch.Tensor) -> torch.Tensor:
        """Return the steps of targets `of` (...) in the C calendars of the mode, (..., C)."""
        return self.logit_terms.steps(batch, of)

    def states(
        self,
        batch: Interaction,
        table: Optional[torch.Tensor] = None,
        seen: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Return the history states at every position, (B, W, K, d), of other items if given.

        See `table`.
        """
        table = self.table() if table is None else table
        items = self._rows_of(table, batch[self.ITEM_SEQ] if seen is None else seen)
        states: torch.Tensor = self.history_encoder(items, self.rows(batch))
        return states

    def _rows_of(self, table: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Look items (...) up in a table; padding learns nothing, as in `item_embedding`."""
        return F.embedding(items, table, padding_idx=0)

    def last_states(self, rows: Interaction, table: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Return the history states of prediction rows, (B, K, d); their mean is who asks.

        See `table`.
        """
        table = self.table() if table is None else table
        items, last = self._rows_of(table, rows[self.ITEM_SEQ]), rows[self.ITEM_SEQ_LEN] - 1
        states: torch.Tensor = self.history_encoder.at(items, self.rows(rows), last)
        return states

    def interest(
        self,
        history: torch.Tensor,
        step: torch.Tensor,
        seen: torch.Tensor,
        read: Optional[Read],
        items: Items,
        at_rest: bool = False,
    ) -> Interest:
        """Fuse what is known of T requests.

        Parameters
        ----------
        history : (T, K, d)
            h.
        step : (T, C) int64
            Of time.
        seen : (T, W) int64
            Items of the history, 0 = padding.
        read : Read or None
            Of their rankings; None where they have none.
        items : Items
        at_rest : bool
            Whether gradients stop at the terms that read no ranking.
        """
        user = history if self.ranking_side is None else self.ranking_side.fused(history, read)
        ranking = None if read is None else read.ranking
        interest = of_state(self.logit_terms.of_user(user), step)
        return self.logit_terms.added_to(interest, seen, ranking, items, at_rest)

    # -- training and evaluation ------------------------------------------------------------------

    def calculate_loss(self, interaction: Interaction) -> Tuple[torch.Tensor, ...]:
        """Return the weighted parts of the loss; see `recbole_poem.models.learning`."""
        return calculate_parts(self, interaction)

    def begin_epoch(self) -> None:
        """Tell what learns by epochs that another one begins."""
        if self.ranking_side is not None:
            self.ranking_side.begin_epoch()
        for term in self.losses.values():
            if isinstance(term, FollowsEpochs):
                term.begin_epoch(self.item_embedding, self.history_encoder)

    def at_end(self, n_batches: int) -> List[str]:
        """List what terms of the loss say where the kept weights come of so many batches."""
        speaking = [term for term in self.losses.values() if isinstance(term, SpeaksAtEnd)]
        return [words for words in (term.at_end(n_batches) for term in speaking) if words]

    @property
    def loss_names(self) -> List[str]:
        """Names of the parts of the loss."""
        return names_of_parts(self)

    def forward(self, interaction: Interaction, table: Optional[torch.Tensor] = None) -> Interest:
        """Return the interest of prediction rows; see `table`.

        Raises
        ------
        InputError
            With ``hide_target``, for rows without the item that the data set had to hide.
        """
        if self.hide_target and self.ITEM_ID not in interaction:
            raise InputError(
                f"hide_target: rows without '{self.ITEM_ID}' have no target to hide; this control "
                "is for evaluation, leave it off to recommend"
            )
        opened = self.opened(interaction)
        batch, weight, ids = opened
        table = self.table(weight) if table is None else table
        seen, last = batch[self.ITEM_SEQ], batch[self.ITEM_SEQ_LEN] - 1
        history, read = self.last_states(batch, table), None
        if self.ranking_side is not None:
            context = history.mean(dim=1)
            read = self.ranking_side.of_rows(table, batch, context)
        steps, scoring = self.steps(batch, last), self.scoring_items(weight, ids)
        interest = self.interest(history, steps, seen, read, scoring)
        return interest._replace(item=opened.named(interest.item))

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the whole catalogue for prediction rows, (B, n_items)."""
        return all_logits(self.forward(interaction), self.scoring_items())

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Score the item of each prediction row, (B,)."""
        chosen = interaction[self.ITEM_ID].unsqueeze(1)
        return logits_of(self.forward(interaction), self.scoring_items(), chosen).squeeze(1)
