"""The components that a configuration chooses."""

from typing import Any, Dict, Tuple, Type

from recbole_poem.core.blocks import block_of
from recbole_poem.core.stage import Stage, written
from recbole_poem.core.stages import LOGIT_TERMS, RERANKERS, STAGES

#: Stages of a model that names none: RecBole's.
EVERY_MODEL: Tuple[Stage, ...] = (LOGIT_TERMS, RERANKERS)


class ChosenComponents:
    """Mixin before RecBole's ``Config``: keys of stages are components, and keys may be dotted."""

    model_class: Type[Any]

    def component(self, path: str) -> Any:
        """Return what was chosen at a stage, or in a setting of a component.

        Parameters
        ----------
        path : str
            The key of a stage, ``history_encoder``; or behind it, with dots, components by their
            names and settings: ``losses.margin.negatives``.

        Returns
        -------
        Choice, dict of names to Choice, a setting's value, or None where nothing is chosen and for
        a stage that the model does not have
        """
        head, *parts = path.split(".")
        assert head in STAGES, head
        found = self._chosen.get(head)
        for part in parts:
            if found is None:
                return None
            found = found.get(part) if isinstance(found, dict) else getattr(found.settings, part)
        return found

    def stages(self) -> Tuple[Stage, ...]:
        """Return the stages that the model has."""
        return tuple(getattr(self.model_class, "stages", EVERY_MODEL))

    def _choose(self, keys: Dict[str, Any]) -> Dict[str, Any]:
        """Choose the components that some keys ask for; return the keys with all settings."""
        self._chosen: Dict[str, Any] = {}
        heads = {stage.key: stage for stage in self.stages()}
        flat = {key: keys[key] for key in keys if str(key).partition(".")[0] not in heads}
        for key, stage in heads.items():
            chosen = stage.choose(block_of(stage, keys), key)
            self._chosen[key], flat[key] = chosen, written(stage, chosen)
        return flat

    def __getitem__(self, item: str) -> Any:
        """Return the value of a key; of a setting where the key is dotted; None without one."""
        head, *parts = item.split(".") if isinstance(item, str) else [item]
        found = super().__getitem__(head)  # type: ignore[misc]
        for part in parts:
            found = found.get(part) if isinstance(found, dict) else None
        return found
