"""The training of a model whose item rows are shared out."""

from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List

import torch
import torch.distributed

from recbole_poem.encoders.tables.sharded import Sharded
from recbole_poem.training import checkpoint, item_parts
from recbole_poem.training.collector import PlainCollector
from recbole_poem.training.item_parts import Parts
from recbole_poem.training.not_a_number import refuse_nan
from recbole_poem.training.shard_ranks import Found, ranked
from recbole_poem.training.trainer import TrainingMixin


class ShardedTrainingMixin(TrainingMixin):
    """`TrainingMixin` for a sharded item table, whose rows no optimizer and no checkpoint holds.

    The rows move behind each step of the optimizer. They are evaluated shard by shard, and written
    in parts; see `recbole_poem.training.item_parts`.
    """

    def __init__(self, config: Any, model: Any) -> None:
        self._table: Sharded = model.item_embedding
        self._decay: float = config["ema_decay"] or 0.0
        self._best_parts: List[Parts] = []
        super().__init__(config, model)
        self.eval_collector = ShardCollector(config)

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        optimizer = super()._build_optimizer(**kwargs)
        optimizer.register_step_post_hook(self._step_rows)
        return optimizer

    def _step_rows(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._table.step(optimizer.param_groups[0]["lr"], self._decay)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(super()._averaged())
            stack.enter_context(self._table.averaged())
            yield

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train as `TrainingMixin` does; the rows have their averages then."""
        result = super().fit(*args, **kwargs)
        self._table.settle()
        return result

    # -- evaluation ----------------------------------------------------------------------------

    def _full_sort_batch_eval(self, batched_data: Any) -> Any:
        if getattr(self.model, "item_embedding", None) is not self._table:
            return super()._full_sort_batch_eval(batched_data)  # what is tested beside
        rows, masked, positive_u, positive_i = batched_data
        rows, target = rows.to(self.device), positive_i.to(self.device)
        if masked is not None:
            masked = masked[0].to(self.device), masked[1].to(self.device)
        found = ranked(self.model, self.model(rows), target, masked, self.eval_collector.n_listed)
        return rows, found, positive_u, positive_i

    # -- checkpoints ---------------------------------------------------------------------------

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        if epoch < 0 and self._best is not None:
            return  # as `TrainingMixin` says
        parts = item_parts.begun("best", epoch, self._table.n_processes)
        with self._averaged():
            item_parts.write(self.saved_model_file, parts, self._table)
        self._best_parts = [parts]
        super()._save_checkpoint(epoch, verbose, **kwargs)

    def _write(self, epoch: int) -> None:
        if self._best is None:
            return
        parts = item_parts.begun("last", epoch, self._table.n_processes)
        item_parts.write(self.saved_model_file, parts, self._table)
        self._wait()
        kept = [*self._best_parts, parts]
        self._data["item_table"] = item_parts.told(kept)
        super()._write(epoch)
        if self._table.rank == 0:
            item_parts.tidy(self.saved_model_file, kept)
        self._wait()

    def _wait(self) -> None:
        if self._table.n_processes > 1:
            torch.distributed.barrier()

    def resume_checkpoint(self, resume_file: str) -> None:
        """Continue as `TrainingMixin` does, with the rows of the last epoch."""
        super().resume_checkpoint(resume_file)
        state = checkpoint.read(resume_file)
        self._best_parts = [item_parts.named(state, "best")]
        if self.start_epoch < self.epochs:
            item_parts.take(resume_file, item_parts.named(state, "last"), self._table)
            self._table.average_by(self._decay)


class ShardCollector(PlainCollector):
    """Collects what metrics need of the ranks that shards have found; scores as RecBole does."""

    @property
    def n_listed(self) -> int:
        """Length of the lists that a metric asks for; 0 = none does."""
        return max(self.topk) if self.register.need("rec.items") else 0

    def eval_batch_collect(
        self, scores_tensor: Any, interaction: Any, positive_u: Any, positive_i: Any
    ) -> None:
        """Collect ranks as RecBole collects scores: hits in the list of the largest length."""
        if not isinstance(scores_tensor, Found):
            super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
            return
        refuse_nan(scores_tensor.score, "the score of a target", self.config["learning_rate"])
        place = torch.arange(1, max(self.topk) + 1, device=scores_tensor.rank.device)
        self.collect_lists(scores_tensor.top, scores_tensor.rank.unsqueeze(1) == place)
