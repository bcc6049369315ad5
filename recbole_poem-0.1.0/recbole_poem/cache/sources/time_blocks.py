"""A neural ranker, out of fold in time; see `recbole_poem.cache.blocks` for how."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Dict

from recbole_poem.cache.blocks import BlockRanker, block_begins
from recbole_poem.cache.build import order_of
from recbole_poem.cache.opening import fingerprint
from recbole_poem.cache.sources import SourceContext
from recbole_poem.cache.sources.item_to_item import RetrievalSettings, retrieval
from recbole_poem.core.settings import Range, at_least, setting
from recbole_poem.core.stages import RANKING_SOURCES
from recbole_poem.data.ranking_dataset import exposures_of
from recbole_poem.rankers.request_columns import request_fields
from recbole_poem.training import checkpoint

# the one way up from this room: a ranker is a model, and is trained as all models are
from recbole_poem.training.ranking_stage import (
    keys_with_effect,
    ranker_config,
    table_digest,
    trained_ranker,
)

_KEYS = Range(lambda v: isinstance(v, dict), "a mapping of MultiTaskRanker's flat keys")


@RANKING_SOURCES.register("time_blocks")
class TimeBlocks(BlockRanker):
    """Candidates of item-to-item retrieval, scored by a ranker that knows earlier blocks alone.

    What the ranker predicts and what it is stand in the stages ``targets`` and ``ranker``. The
    checkpoints of finished stages lie beside the caches, in a folder named by all that they depend
    on.
    """

    trains_rankers = True

    @dataclass(frozen=True)
    class Settings(RetrievalSettings):
        """Blocks of time, and how the ranker of each is trained."""

        blocks: int = setting(5, at_least(2), "K, blocks of time that have a ranker each")
        epochs: int = setting(2, at_least(0), "epochs over the rows since the block before")
        unexposed: int = setting(
            4, at_least(0), "items beside each exposure that were not shown, and came to nothing"
        )
        training: Dict[str, Any] = setting({}, _KEYS, "other flat keys of MultiTaskRanker")

    def __init__(self, settings: "TimeBlocks.Settings", context: SourceContext) -> None:
        config, dataset = context.config, context.dataset
        own = {
            "epochs": settings.epochs,
            "unexposed_negatives": settings.unexposed,
            **settings.training,
        }
        of_ranker = ranker_config(config, own, "ranking_source.training")
        request_fields(config, dataset.log)  # refuses what the run itself says came of a row
        exposures = exposures_of(of_ranker, dataset.log)
        depends_on = {
            "ranker": keys_with_effect(of_ranker),
            "tables": table_digest(of_ranker, dataset),
        }
        begins = [float(time) for time in block_begins(exposures, settings.blocks)]
        stages = {**depends_on, "blocks": begins, "files": checkpoint.FORMAT}
        folder = context.folder / "rankers" / fingerprint(dataset.log, stages)[:16]
        names = list(config.component("targets"))
        found = min(settings.n_candidates, dataset.log.n_items - 1)
        super().__init__(
            exposures,
            names,
            n_blocks=settings.blocks,
            n_candidates=found,
            retrieval=partial(retrieval, settings, config),
            training=partial(trained_ranker, of_ranker, dataset, folder),
            by=order_of(config, len(names) + 1),
            settings=depends_on,
        )
