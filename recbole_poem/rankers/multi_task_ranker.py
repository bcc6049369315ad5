"""The ranking stage as a neural network: one output per target from features of an exposure.

The features are of the user, the candidate, the user's recent items and the time, and those that
components of the stage ``ranker_input`` add. A component of the stage ``ranker`` makes outputs of
them. The model learns from exposures, and predicts for every candidate of a request what an
exposure would come to: the scores that POEM reads from the request cache
(``ranking_source: time_blocks``).
"""

from functools import partial
from typing import Any, ClassVar, Dict, List, Optional, Tuple

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import FeatureType, InputType

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import (
    RECENT_ITEM,
    RECENT_LABEL,
    REQUEST_CONTEXT,
    REQUEST_GAP,
    REQUEST_TIME,
    TASK_LABEL,
    UNEXPOSED_ITEM,
)
from recbole_poem.core.processes import n_processes
from recbole_poem.core.stage import Stage
from recbole_poem.core.stages import RANKER_INPUTS, RANKER_OPTIMIZERS, RANKERS, TARGETS
from recbole_poem.log.exposures import seconds_of
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.features import RankingFeatures
from recbole_poem.rankers.inputs import Known, RankerInput
from recbole_poem.rankers.item_times import item_times
from recbole_poem.rankers.keys import RankerKeys
from recbole_poem.rankers.networks import KnowsTargets, OwnLosses, RowLosses
from recbole_poem.rankers.ranking_requests import RankingRequests
from recbole_poem.rankers.request_columns import request_fields
from recbole_poem.rankers.target_loss import LabelLosses, averaged, predictions
from recbole_poem.rankers.targets import came_to_something, targets_of
from recbole_poem.rankers.targets.binary import actions_of


class MultiTaskRanker(SequentialRecommender):
    """Predicts what an exposure comes to, for each of M targets.

    Every column of ``.user`` and ``.item`` that is loaded is a feature; so are the ids, unless the
    key ``id_features`` takes them away from a table that has other columns.

    Parameters
    ----------
    config : Config
    dataset : FlatSequentialDataset
        Whose users and items are the features, and whose log the targets are fitted on.
    """

    input_type = InputType.POINTWISE
    keys = RankerKeys
    stages: ClassVar[Tuple[Stage, ...]] = (
        TARGETS, RANKER_INPUTS, RANKERS, RANKER_OPTIMIZERS,
    )  # fmt: skip

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.targets = targets_of(config, dataset.log)
        self.n_processes = n_processes(config)
        self._knows_ids = config["id_features"]
        self.features = RankingFeatures(
            self._fields(dataset, self.USER_ID, dataset.user_feat),
            self._fields(dataset, self.ITEM_ID, dataset.item_feat),
            config["embedding_size"],
            config["hidden_size"],
            config["pooling"],
            config["utc_offset"],
            actions_of(self.targets),
            self._inputs(config, dataset),
        )
        self.network = config.component("ranker").make(self.features.output_size, len(self.targets))
        if isinstance(self.network, KnowsTargets):
            self.network.know(self.targets)
        optimizer = config.component("ranker_optimizer")
        self._optimizer = None if optimizer is None else optimizer.make(self.n_processes)

    @staticmethod
    def check_keys(config: Any) -> None:
        """Refuse keys of RecBole that only its own gradient knows."""
        for key in ("clip_grad_norm", "enable_scaler"):
            if config.component("ranker_optimizer") is not None and config[key]:
                raise InputError(
                    f"{key}: ranker_optimizer takes the gradients of the targets one by one, where "
                    f"this key says nothing; leave {key} or ranker_optimizer out"
                )

    def _fields(self, dataset: Any, id_field: str, table: Optional[Interaction]) -> List[Field]:
        fields = table_fields(dataset, id_field, table)
        return fields if self._knows_ids else fields[1:] or fields

    def _inputs(self, config: Any, dataset: Any) -> Dict[str, RankerInput]:
        """Make what is read beside the usual features, by their names."""
        choices, log = config.component("ranker_input"), dataset.log
        if not choices:
            return {}
        labels = [target.labels(log) for target in self.targets]
        known = Known(
            log,
            seconds_of(log, config["time_unit"]),
            came_to_something(self.targets[0], labels[0]),
            np.stack(labels, axis=1)[:, actions_of(self.targets)],
            table_fields(dataset, self.USER_ID, dataset.user_feat)[1:],
            request_fields(config, log),
            dataset.num,
            partial(item_times, dataset, config["time_unit"], config["utc_offset"]),
            config["seed"],
        )
        return {name: choice.make(known, config["hidden_size"]) for name, choice in choices.items()}

    @property
    def learner(self) -> Any:
        """What may bring an optimizer or a gradient: ``ranker_optimizer``, or else the ranker."""
        return self.network if self._optimizer is None else self._optimizer

    def forward(self, requests: RankingRequests) -> torch.Tensor:
        """Compute the outputs of the ranker, (R, N, M), which the targets give a meaning."""
        outputs: torch.Tensor = self.network(self.features(requests))
        return outputs

    def score(self, requests: RankingRequests) -> torch.Tensor:
        """Predict what every candidate comes to, (R, N, M)."""
        return predictions(self.forward(requests), self.targets)

    @property
    def loss_names(self) -> List[str]:
        """Names of the parts of the loss."""
        return [target.name for target in self.targets]

    def calculate_loss(self, interaction: Interaction) -> Tuple[torch.Tensor, ...]:
        """Return each target's part of the loss; they sum to the weighted average of the targets.

        An unexposed item beside an exposure came to nothing: its labels are 0 where those of the
        exposure are known.
        """
        requests, labels = self._exposures(interaction), interaction[TASK_LABEL].unsqueeze(1)
        if UNEXPOSED_ITEM in interaction:
            unexposed = interaction[UNEXPOSED_ITEM]
            candidates = torch.cat([requests.candidates, unexposed], dim=1)
            requests = requests._replace(candidates=candidates)
            nothing = (0 * labels).expand(-1, unexposed.shape[1], -1)  # NaN stays NaN
            labels = torch.cat([labels, nothing], dim=1)
        features, labels = self.features(requests).flatten(0, 1), labels.flatten(0, 1)
        rows = self._losses(features, LabelLosses(labels, self.targets))
        parts, _ = averaged(rows, labels, self.targets, self.n_processes)
        return tuple(parts)

    def _losses(self, features: torch.Tensor, of: RowLosses) -> torch.Tensor:
        if isinstance(self.network, OwnLosses):
            return self.network.losses(features, of)
        return of(self.network(features))

    def predict_targets(self, interaction: Interaction) -> torch.Tensor:
        """Predict what each exposure comes to, (B, M)."""
        return self.score(self._exposures(interaction)).squeeze(1)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Predict what each exposure comes to for the first target, (B,)."""
        return self.predict_targets(interaction)[:, 0]

    def _exposures(self, interaction: Interaction) -> RankingRequests:
        return RankingRequests(
            user=interaction[self.USER_ID],
            candidates=interaction[self.ITEM_ID].unsqueeze(1),
            history=interaction[RECENT_ITEM],
            time=interaction[REQUEST_TIME],
            gap=interaction[REQUEST_GAP],
            history_labels=interaction[RECENT_LABEL],
            context=interaction[REQUEST_CONTEXT],
        )


def table_fields(dataset: Any, id_field: str, table: Optional[Interaction]) -> List[Field]:
    """List the columns of RecBole's table of users or items; without one the id is all there is.

    A column of several numbers (``float_seq``) is left out.
    """
    ids = torch.arange(dataset.num(id_field))
    fields = [Field(id_field, FeatureType.TOKEN.value, ids)]
    columns = {} if table is None else table.interaction
    for name, values in columns.items():
        kind = dataset.field2type[name].value
        if name != id_field and kind != FeatureType.FLOAT_SEQ.value:
            fields.append(Field(name, kind, values))
    return fields
