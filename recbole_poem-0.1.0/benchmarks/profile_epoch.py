"""Where the time of one training epoch of POEM goes: torch's operators, most expensive first."""

import tempfile
from typing import Any

import measure
import torch
from torch.profiler import ProfilerActivity, profile

from recbole_poem.training.config import Config
from recbole_poem.training.experiment import assemble
from recbole_poem.training.registry import get_trainer

ROWS = 25


def main() -> None:
    """Profile an epoch with every part of the model on; write the table."""
    arguments = measure.parser(__doc__)
    arguments.add_argument("--label", default="after", help="name of the table, such as 'before'")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    small: Any = (
        {"MAX_ITEM_LIST_LENGTH": 10, "ranking_source.n_candidates": 10} if options.quick else {}
    )
    with tempfile.TemporaryDirectory() as folder:
        keys = {"checkpoint_dir": folder, "show_progress": False, **small}
        config = Config("POEM", "ml-100k", config_dict=keys)
        run = assemble(config)
        trainer = get_trainer(config)(config, run.model)
        trainer._train_epoch(run.train_data, 0)  # warm up
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            taken = measure.seconds(lambda: trainer._train_epoch(run.train_data, 1))
    table = profiled.key_averages().table(sort_by="self_cpu_time_total", row_limit=ROWS)
    columns = [line[:57] + line[57:143] for line in table.splitlines()]
    text = f"one epoch under the profiler: {taken:.1f} s, one thread\n" + "\n".join(columns) + "\n"
    print(text)
    if not options.quick:
        (measure.RESULTS / f"profile_epoch_{options.label}.txt").write_text(text)


if __name__ == "__main__":
    measure.main(globals())
