"""The ranking stage as a neural network: one tower per objective over a mixture of experts.

MMoE (Ma et al., KDD 2018) over features of the user, the candidate, the user's recent items and
the time. It learns from exposures, and predicts for every candidate of a request what an exposure
would come to: the scores that POEM reads from the request cache (``upstream: multitask``).
"""

from typing import Any, List, Optional, Tuple

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import FeatureType, InputType

from recbole_poem.core.fields import (
    RECENT_ITEM,
    REQUEST_GAP,
    REQUEST_TIME,
    TASK_LABEL,
    UNEXPOSED_ITEM,
)
from recbole_poem.core.processes import n_processes
from recbole_poem.log.tasks import TaskSpecification, parse_tasks
from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.features import RankingFeatures, RankingRequests
from recbole_poem.rankers.keys import RankerKeys
from recbole_poem.rankers.mixture_of_experts import MixtureOfExperts
from recbole_poem.rankers.task_loss import TASKS, Task, check_tasks, predictions, task_losses


class MultiTaskRanker(SequentialRecommender):
    """Predicts what an exposure comes to, for each of M tasks.

    Every column of ``.user`` and ``.item`` that is loaded is a feature.
    """

    input_type = InputType.POINTWISE
    keys = RankerKeys

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.tasks = losses_of(parse_tasks(config["tasks"]))
        self.n_processes = n_processes(config)
        self.features = RankingFeatures(
            table_fields(dataset, self.USER_ID, dataset.user_feat),
            table_fields(dataset, self.ITEM_ID, dataset.item_feat),
            config["embedding_size"],
            config["hidden_size"],
            config["pooling"],
            config["utc_offset"],
        )
        self.experts = MixtureOfExperts(
            self.features.output_size,
            len(self.tasks),
            config["n_experts"],
            config["expert_sizes"],
            config["tower_sizes"],
            config["dropout_prob"],
        )

    def forward(self, requests: RankingRequests) -> torch.Tensor:
        """Compute the outputs of the towers, (R, N, M): logits, and log(1 + seconds)."""
        return self.experts(self.features(requests))

    def score(self, requests: RankingRequests) -> torch.Tensor:
        """Predict probabilities and seconds of every candidate, (R, N, M)."""
        return predictions(self.forward(requests), self.tasks)

    def calculate_loss(self, interaction: Interaction) -> Tuple[torch.Tensor, ...]:
        """Return each task's part of the loss; they sum to the weighted average of the tasks.

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
        outputs = self.forward(requests)
        _, losses = task_losses(
            outputs.flatten(0, 1), labels.flatten(0, 1), self.tasks, self.n_processes
        )
        weights = outputs.new_tensor([task.weight for task in self.tasks])
        return tuple(losses * weights / weights.sum())

    def predict_tasks(self, interaction: Interaction) -> torch.Tensor:
        """Predict what each exposure comes to, (B, M): probabilities and seconds."""
        return self.score(self._exposures(interaction)).squeeze(1)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Predict what each exposure comes to for the first task, (B,)."""
        return self.predict_tasks(interaction)[:, 0]

    def _exposures(self, interaction: Interaction) -> RankingRequests:
        return RankingRequests(
            user=interaction[self.USER_ID],
            candidates=interaction[self.ITEM_ID].unsqueeze(1),
            history=interaction[RECENT_ITEM],
            time=interaction[REQUEST_TIME],
            gap=interaction[REQUEST_GAP],
        )


def losses_of(specifications: List[TaskSpecification]) -> List[Task]:
    """Return the losses of the tasks that the configuration names.

    Raises
    ------
    InputError
        For a weight that is negative, and for weights that are all 0.
    """
    tasks = [TASKS[task.kind](name=task.name, **task.settings) for task in specifications]
    check_tasks(tasks)
    return tasks


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
