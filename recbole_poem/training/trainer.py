"""RecBole's trainers with checkpoints that survive a kill and runs that resume exactly.

The mixin works over any of RecBole's trainers. Every random number of a training epoch is a
function of the seed and the epoch, so a resumed run repeats what an uninterrupted one does.
"""

from contextlib import nullcontext
from logging import getLogger
from typing import Any, Callable, ContextManager, Dict, List, Optional, Tuple
from uuid import uuid4

import torch
import torch.distributed
from recbole.trainer import Trainer

from recbole_poem.core.errors import InputError
from recbole_poem.core.noise import Purpose, own_streams
from recbole_poem.core.processes import place_of
from recbole_poem.core.refusals import refusals_named
from recbole_poem.core.run_log import say
from recbole_poem.training import checkpoint
from recbole_poem.training.beside_weights import BesideWeights
from recbole_poem.training.collector import PlainCollector
from recbole_poem.training.epoch_losses import epoch_line, mean_over_processes, named_losses
from recbole_poem.training.loaders import training_split
from recbole_poem.training.not_a_number import refuse_nan
from recbole_poem.training.progress import Progress, Quiet
from recbole_poem.training.restoring import check_ids, data_of, load_optimizers, load_weights
from recbole_poem.training.seeding import seed_epoch
from recbole_poem.training.spared import Spared
from recbole_poem.training.weight_average import WeightAverage


class TrainingMixin(Trainer):
    """Mixin over RecBole's trainers: exact epochs, safe checkpoints, exact resumption.

    With ``ema_decay`` above 0 the average of the weights is what is evaluated and kept as the best
    epoch, and what the model has after `fit`; the optimizer moves the weights themselves.

    Attributes
    ----------
    progress : Progress
        Who is told how a training gets on; nobody unless it is replaced.
    best_epoch : int
        From 0, of the best score on the validation rows, or of the weights that are kept where
        there are no such rows; -1 = none yet.
    """

    saved_model_file: str
    progress: Progress = Quiet()

    def __init__(self, config: Any, model: Any) -> None:
        decay = config["ema_decay"]  # before RecBole's trainer builds its optimizers
        self._average = WeightAverage(model, decay) if decay else None
        spares = getattr(model, "spares_weights", False) and not config["single_spec"]
        self._spared = Spared(model) if spares else None
        self._optimizers: List[torch.optim.Optimizer] = []
        super().__init__(config, model)
        is_ours = hasattr(model, "keys")  # whose state dict has all
        self._beside = None if is_ours else BesideWeights(model)
        if self._average is not None:
            self._average.start()  # processes have the weights of the first one by now
        self.eval_collector = PlainCollector(config)
        # two runs may start within the same second, and processes of one run in different ones
        self.saved_model_file = self.saved_model_file.replace(".pth", f"-{uuid4().hex[:6]}.pth")
        if not config["single_spec"]:
            name = [self.saved_model_file]
            torch.distributed.broadcast_object_list(name, src=0)
            self.saved_model_file = name[0]
        self._best: Optional[Dict[str, Any]] = None
        self.best_epoch, self._epoch, self._validates = -1, -1, False

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        optimizer = super()._build_optimizer(**kwargs)
        self._optimizers.append(optimizer)  # some of RecBole's trainers have several
        if self._average is not None:
            self._average.follow(optimizer)
        if self._spared is not None:
            self._spared.follow(optimizer)
        return optimizer

    def _averaged(self) -> ContextManager[None]:
        """Within it, the model has the weights that are to be evaluated and kept."""
        return nullcontext() if self._average is None else self._average.in_place()

    def _valid_epoch(self, valid_data: Any, show_progress: bool = False) -> Any:
        with self._averaged():
            score, result = super()._valid_epoch(valid_data, show_progress=show_progress)
        if score != score:
            raise InputError(
                f"valid_metric: {self.config['valid_metric']} of the validation rows is not a "
                "number, so no epoch is the best; they may have one label only"
            )
        return score, result

    def _train_epoch(
        self,
        train_data: Any,
        epoch_idx: int,
        loss_func: Optional[Callable[..., Any]] = None,
        show_progress: bool = False,
    ) -> Any:
        self._epoch = epoch_idx
        seed_epoch(self.config, train_data, epoch_idx)
        set_epoch = getattr(train_data, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch_idx)
        begin_epoch = getattr(self.model, "begin_epoch", None)
        if begin_epoch is not None:
            begin_epoch()
        learn = loss_func or self.model.calculate_loss

        def learn_and_tell(batch: Any) -> Any:
            loss = learn(batch)
            if self._spared is not None:
                self._spared.learned(loss)
            self.progress.learned()
            return loss

        self.progress.begin(epoch_idx, len(train_data))
        loss = super()._train_epoch(
            train_data, epoch_idx, loss_func=learn_and_tell, show_progress=show_progress
        )
        if not self.config["single_spec"]:
            loss = mean_over_processes(loss, self.device)
        is_last = not self._validates or (epoch_idx + 1) % self.eval_step != 0
        self.progress.trained(named_losses(self.model, loss), is_last)
        return loss

    def _generate_train_loss_output(
        self, epoch_idx: int, s_time: float, e_time: float, losses: Any
    ) -> str:
        """Return RecBole's line about an epoch, with names where the parts of the loss have any."""
        if getattr(self.model, "loss_names", None) is None:
            return str(super()._generate_train_loss_output(epoch_idx, s_time, e_time, losses))
        parts = named_losses(self.model, losses)
        return epoch_line(epoch_idx, e_time - s_time, parts, self.config["loss_decimal_place"] or 4)

    def _check_nan(self, loss: torch.Tensor) -> None:
        refuse_nan(loss, "the training loss", self.learning_rate)

    def fit(
        self,
        train_data: Any,
        valid_data: Any = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Optional[Callable[[int, float], Any]] = None,
    ) -> Tuple[float, Optional[Dict[str, float]]]:
        """Train as RecBole does; a checkpoint is written after every evaluated epoch.

        Raises
        ------
        InputError
            If one of RecBole's models cannot train with its keys, or a loss is NaN.
        """
        self._validates = bool(valid_data) and self.eval_step > 0
        self._data = data_of(training_split(train_data))

        def at_epoch_end(epoch: int, score: float) -> None:
            if self.cur_step == 0:
                self.best_epoch = epoch
            if saved:
                self._write(epoch)
            best = float(self.best_valid_score)
            self.progress.validated(float(score), best, self.best_epoch, self.cur_step)
            if callback_fn is not None:
                callback_fn(epoch, score)

        try:
            with refusals_named(self.config, "cannot train"):
                result = super().fit(
                    train_data,
                    valid_data,
                    verbose=verbose,
                    saved=saved,
                    show_progress=show_progress,
                    callback_fn=at_epoch_end,
                )
        except KeyboardInterrupt:
            self.progress.end()
            if saved and self._best is not None:
                getLogger().warning(f"interrupted; continue with --resume={self.saved_model_file}")
            raise
        self.progress.end()
        if self._average is not None:
            self._average.settle()
        self._tell_of_end(self.best_epoch if saved else self._epoch, len(train_data))
        if not self.config["single_spec"]:
            torch.distributed.barrier()  # the file is whole before another process reads it
        return result

    def _tell_of_end(self, epoch: int, n_batches: int) -> None:
        """Say what the model has to say of a training whose weights of this epoch are kept."""
        at_end = getattr(self.model, "at_end", None)
        for words in at_end((epoch + 1) * n_batches) if at_end is not None else ():
            self.logger.warning(words)

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        """Remember the best weights; RecBole calls this when the score has improved."""
        if epoch < 0 and self._best is not None:
            return  # a resumed run that had finished: its file stays as it is
        with self._averaged():
            state_dict = {
                name: value.detach().to("cpu", copy=True)
                for name, value in self.model.state_dict().items()
            }
        other = checkpoint.plain(self.model.other_parameter(), "other_parameter")
        self._best = {"state_dict": state_dict, "other_parameter": other}
        if not self._validates:  # a resumed run may have scores, which are of other weights
            self.best_epoch, self.cur_step, self.best_valid_result = epoch, 0, None
            self.best_valid_score = -torch.inf if self.valid_metric_bigger else torch.inf
            self._write(epoch)

    def _write(self, epoch: int) -> None:
        """Write the best and the last epoch to `saved_model_file`, from the first process."""
        if place_of(self.config) != 0 or self._best is None:
            return
        state = {
            "keys": checkpoint.plain(self.config.given(), "keys"),
            **self._best,
            "last_state_dict": dict(self.model.state_dict()),
            "average": None if self._average is None else self._average.state_dict(),
            "beside_weights": None if self._beside is None else self._beside.state_dict(),
            "optimizer": self._optimizers[0].state_dict(),
            "more_optimizers": [each.state_dict() for each in self._optimizers[1:]],
            "epoch": epoch,
            "best_epoch": self.best_epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "best_valid_result": checkpoint.plain(self.best_valid_result, "best_valid_result"),
            **self._data,
        }
        checkpoint.write(self.saved_model_file, state)

    def save_pretrained_model(self, epoch: int, saved_model_file: str) -> None:
        """Write the weights of a pre-training stage (RecBole's S3Rec and RaCT call this)."""
        self.saved_model_file = saved_model_file
        self._save_checkpoint(epoch)
        self._write(epoch)

    def resume_checkpoint(self, resume_file: str) -> None:
        """Continue the run whose checkpoint this is: its last epoch, its best epoch, its file.

        An average that the run did not keep starts with its last weights.
        """
        state = checkpoint.read(resume_file)
        self.saved_model_file = str(resume_file)
        load_weights(self.model, state, resume_file)
        self._best = {key: state[key] for key in ("state_dict", "other_parameter")}
        self.cur_step, self.best_epoch = state["cur_step"], state["best_epoch"]
        self.best_valid_score = state["best_valid_score"]
        self.best_valid_result = state["best_valid_result"]
        more_epochs = self.cur_step <= self.stopping_step and state["epoch"] + 1 < self.epochs
        self.start_epoch = state["epoch"] + 1 if more_epochs else self.epochs
        if more_epochs:
            self.model.load_state_dict(state["last_state_dict"])
            load_optimizers(self._optimizers, state, resume_file)
            if self._beside is not None:
                self._beside.load_state_dict(state["beside_weights"])
        if self._average is not None:
            self._average.start()
            if more_epochs and state["average"] is not None:
                self._average.load_state_dict(state["average"])
        say("resume", f"{resume_file} after epoch {state['epoch'] + 1}")

    @torch.no_grad()
    def evaluate(
        self,
        eval_data: Any,
        load_best_model: bool = True,
        model_file: Optional[str] = None,
        show_progress: bool = False,
    ) -> Any:
        """Evaluate as RecBole does, the best weights read by `checkpoint.read`.

        What a model draws meanwhile depends on ``seed`` alone, as do the negatives that its loader
        draws: equal weights have equal metrics, and training does not notice an evaluation.

        Raises
        ------
        InputError
            If one of RecBole's models cannot be evaluated with its keys.
        """
        if load_best_model and eval_data:
            path = model_file or self.saved_model_file
            state = checkpoint.read(path)
            if model_file is not None:
                check_ids(state, eval_data._dataset, path)
            load_weights(self.model, state, path)
            self.logger.info(f"Loading model structure and parameters from {path}")
        if eval_data:
            eval_data = self.eval_collector.begun(self.model, eval_data)
        streams = own_streams(self.config["seed"], Purpose.EVALUATION)
        with streams as start, refusals_named(self.config, "cannot be evaluated"):
            if eval_data:
                eval_data.generator.manual_seed(start)  # from it come the seeds of the workers
            return super().evaluate(eval_data, load_best_model=False, show_progress=show_progress)
