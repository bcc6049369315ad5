"""RecBole's configuration, plus the plugin's models and properties.

Order of precedence, lowest first: RecBole's own files (overall, model, sample, data set,
quick start), the plugin's files of the same names in ``properties/`` (a preset behind its model;
what it says of any data set, and of one, behind that one's file), what lies beside the data
(`own_keys`), ``config_files``, ``config_dict``. The command line reaches `Config` through
``config_dict`` alone: what else is in ``sys.argv`` belongs to whoever started the process.
"""

import os
import sys
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

import recbole
import recbole.config
import torch
import torch.distributed
from recbole.utils import ModelType

from recbole_poem.core.blocks import laid
from recbole_poem.core.config_files import read_config_file
from recbole_poem.core.errors import InputError
from recbole_poem.core.literals import literal
from recbole_poem.core.number_types import plain
from recbole_poem.core.overall import OverallKeys
from recbole_poem.core.processes import place_of
from recbole_poem.core.settings import defaults_of
from recbole_poem.core.stages import STAGES
from recbole_poem.logits.on_top import check_terms
from recbole_poem.models.keys import POEMKeys, check_preset
from recbole_poem.training.checks import check_given
from recbole_poem.training.checks.known_keys import (
    LAUNCH_KEYS,
    keys_in_code,
    keys_of_all_models,
    refuse_misspelt,
    unknown_keys,
)
from recbole_poem.training.checks.names import check_dataset_name
from recbole_poem.training.checks.values import check_values
from recbole_poem.training.chosen import ChosenComponents
from recbole_poem.training.dotted import with_parts
from recbole_poem.training.own_keys import own_keys
from recbole_poem.training.properties import (
    PROPERTIES,
    files_behind,
    preset_file,
    preset_keys,
)
from recbole_poem.training.registry import MODELS, get_model


class Config(ChosenComponents, recbole.config.Config):
    """The configuration of one run.

    Parameters
    ----------
    model : str or class, optional
        Name or class of the model; default: key ``model`` of the files or the dictionary.
    dataset : str, optional
        Name of the data set; default: key ``dataset``.
    config_file_list : list of str, optional
        YAML files.
    config_dict : dict, optional
        Keys and values; strings are read as Python literals where they are.

    Raises
    ------
    InputError
        For whatever is wrong with a file, a key or a value.
    """

    internal_config_dict: Dict[str, Any]
    external_config_dict: Dict[str, Any]

    def __init__(
        self,
        model: Any = None,
        dataset: Optional[str] = None,
        config_file_list: Optional[List[str]] = None,
        config_dict: Optional[Dict[str, Any]] = None,
    ) -> None:
        check_arguments(model, config_file_list, config_dict)
        try:
            super().__init__(model, dataset, config_file_list, config_dict)
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, RuntimeError, NotImplementedError) as error:
            # RecBole's own checks of the configuration, in its own words
            raise InputError(f"configuration: {error.args[0] if error.args else error}") from error
        check_values(self.model_class, self.final_config_dict)
        own = getattr(self.model_class, "check_keys", None)
        check_keys = check_terms if own is None else own
        check_keys(self)
        if getattr(self.model_class, "keys", None) is POEMKeys:
            check_preset(self)
        refuse_misspelt(self)

    def unknown_keys(self) -> List[Tuple[str, Optional[str]]]:
        """List the given keys that nothing reads, each with the nearest known key or None."""
        return unknown_keys(self)

    @property
    def keys_beside_data(self) -> FrozenSet[str]:
        """Keys that the data set brings along."""
        return self._keys_beside_data

    def is_given(self, key: str) -> bool:
        """Tell whether the user gave a key, and not a file of the plugin or RecBole."""
        return key in self.external_config_dict

    def given(self) -> Dict[str, Any]:
        """Return the keys that the user gave, from which an equal configuration can be made."""
        launch = LAUNCH_KEYS | {"resume"}
        given = {k: v for k, v in self.external_config_dict.items() if k not in launch}
        return {**given, "model": self.model, "dataset": self.dataset}

    def _load_cmd_line(self) -> Dict[str, Any]:
        return {}

    def _convert_config_dict(self, config_dict: Dict[str, Any]) -> Dict[str, Any]:
        """Read strings as literals; RecBole evaluates them as code (configurator.py:131)."""
        return {key: literal(plain(value)) for key, value in config_dict.items()}

    def _load_config_files(self, file_list: Optional[List[str]]) -> Dict[str, Any]:
        contents = map(read_config_file, file_list or [])
        return laid(*contents)

    def _merge_external_config_dict(self) -> None:
        """Lay what a caller gives over the files; RecBole's own knows nothing of stages."""
        given = {**self.variable_config_dict, **self.cmd_config_dict}
        self.external_config_dict = laid(self.file_config_dict, given)

    def _update_internal_config_dict(self, file: str) -> Any:
        below = dict(self.internal_config_dict)
        content = super()._update_internal_config_dict(file)
        self.internal_config_dict = laid(below, content or {})
        return content

    def _get_model_and_dataset(self, model: Any, dataset: Optional[str]) -> Tuple[Any, Any, Any]:
        model = self.external_config_dict.get("model") if model is None else model
        check_arguments(model, None, None)
        if isinstance(model, str):
            model = get_model(model)
        names = super()._get_model_and_dataset(model, dataset)
        check_dataset_name(names[2])
        return names

    def _load_internal_config_dict(self, model: str, model_class: Any, dataset: str) -> None:
        super()._load_internal_config_dict(model, model_class, dataset)
        self._lay_beneath(dataset)
        own = getattr(model_class, "keys", None)
        self.internal_config_dict.update(defaults_of(OverallKeys))
        self.internal_config_dict.update({} if own is None else defaults_of(own))
        files = []
        if model in MODELS:
            # the ranking stage as a model of its own has POEM's keys, for it is what feeds POEM
            named = ["POEM", model] if model == "Upstream" else [model]
            files += [PROPERTIES / "model" / f"{name}.yaml" for name in named]
            files += self._preset(model)
        of_dataset = PROPERTIES / "dataset" / f"{dataset}.yaml"
        files.append(of_dataset)
        if own is POEMKeys:
            files += files_behind(self._preset_name, dataset)
        for file in files:
            if file.is_file():
                self._update_internal_config_dict(str(file))
        internal, external = self.internal_config_dict, self.external_config_dict
        stock = Path(recbole.__path__[0]) / "properties" / "dataset" / f"{dataset}.yaml"
        if not stock.is_file() and not of_dataset.is_file() and internal["load_col"] is not None:
            # RecBole's default is users and items alone, and no time; other files stay as named
            internal["load_col"] = {**internal["load_col"], "inter": "*"}
        if internal["MODEL_TYPE"] in (
            ModelType.GENERAL,
            ModelType.TRADITIONAL,
            ModelType.KNOWLEDGE,
        ):
            # the task of the sequential models, so that all rows of a comparison are of one task
            internal["eval_args"] = {
                "split": {"LS": "valid_and_test"},
                "order": "TO",
                "group_by": "user",
                "mode": "full",
            }
        loss = external.get("loss_type", internal.get("loss_type"))
        if internal["MODEL_TYPE"] == ModelType.SEQUENTIAL and loss == "CE":
            # RecBole's overall default, which its own check then refuses (configurator.py:350)
            internal["train_neg_sample_args"] = None
        self.external_config_dict = with_parts(self.external_config_dict, internal)

    def _lay_beneath(self, dataset: str) -> None:
        """Lay what the user gives over the keys that the data set brings along."""
        given = self.external_config_dict
        data_path = given.get("data_path", self.internal_config_dict["data_path"])
        ours = set(defaults_of(OverallKeys))
        known = keys_of_all_models() | keys_in_code() | set(STAGES) | ours
        beside = own_keys(data_path, dataset, known)
        self._keys_beside_data = frozenset(beside)
        self.external_config_dict = laid(self._convert_config_dict(beside), given)

    def _get_final_config_dict(self) -> Dict[str, Any]:
        """Merge the keys, and refuse what they cannot be, before RecBole reads them."""
        keys: Dict[str, Any] = super()._get_final_config_dict()
        keys = self._choose(laid(self.internal_config_dict, self.external_config_dict))
        if isinstance(keys.get("topk"), tuple):
            keys["topk"] = list(keys["topk"])
        asked, usual = (
            part.get("eval_args") for part in (self.external_config_dict, self.internal_config_dict)
        )
        if isinstance(asked, dict) and isinstance(usual, dict) and "split" not in asked:
            keys["eval_args"] = {**usual, **asked}  # a mode alone asks for no split by chance
        if not self.is_given("show_progress") and not sys.stderr.isatty():
            keys["show_progress"] = False  # a bar in a pipe is a heap of control characters
        check_given(self.model_class, keys, self.external_config_dict, self.internal_config_dict)
        return keys

    @property
    def _preset_name(self) -> str:
        return str(self.external_config_dict.get("preset", "best"))

    def keys_of_preset(self) -> Set[str]:
        """Return what the preset sets whatever the data set, without the parts of a dotted key."""
        return {key.partition(".")[0] for key in preset_keys(self._preset_name)}

    def _preset(self, model: str) -> List[Path]:
        """Return the file of the preset that the user chose, if it changes the defaults."""
        preset = self._preset_name
        if preset == "best" or not hasattr(MODELS[model].keys, "preset"):
            return []
        file = preset_file(preset)
        known_keys = {*self.internal_config_dict, *(stage.key for stage in self.stages())}
        strange = [
            key for key in read_config_file(str(file)) if key.split(".")[0] not in known_keys
        ]
        if strange and MODELS[model].keys is not POEMKeys:  # Upstream has what feeds POEM
            raise InputError(
                f"preset: {preset} sets {strange[0]}, which {model} does not have; take another one"
            )
        return [file]

    def _init_device(self) -> None:
        final = self.final_config_dict
        if not final["use_gpu"]:
            final["gpu_id"] = ""
        on_gpu = final["use_gpu"] and torch.cuda.is_available()
        if "local_rank" not in final or on_gpu:
            super()._init_device()
            return
        # several processes on the CPU: RecBole knows nccl only (configurator.py:498)
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        torch.distributed.init_process_group(
            backend="gloo",
            rank=place_of(final),
            world_size=final["world_size"],
            init_method=f"tcp://{final['ip']}:{final['port']}",
        )
        final["device"] = torch.device("cpu")
        final["single_spec"] = False
        if final["local_rank"] != 0:
            final["state"] = "error"
            final["show_progress"] = False
            final["verbose"] = False


def check_arguments(model: Any, config_file_list: Any, config_dict: Any) -> None:
    """Refuse what is no name of a model, no list of files, no mapping of keys.

    Raises
    ------
    InputError
        Naming the argument.
    """
    if model is not None and not isinstance(model, (str, type)):
        raise InputError(f"model: expected a name such as POEM, not {model!r}")
    if config_file_list is not None and not isinstance(config_file_list, (list, tuple)):
        raise InputError(f"config_file_list: expected a list of files, not {config_file_list!r}")
    if config_dict is not None and not isinstance(config_dict, dict):
        raise InputError(f"config_dict: expected keys and their values, not {config_dict!r}")
