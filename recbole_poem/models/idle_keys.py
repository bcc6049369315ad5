"""Keys that are known, and do nothing beside what else was chosen."""

from typing import Any, Dict, Iterator, List, Tuple

from recbole_poem.core.settings import defaults_of
from recbole_poem.core.stage import Choice
from recbole_poem.encoders.ranking import reads_groups
from recbole_poem.models.keys import OF_RANKERS, POEMKeys

#: what a model without a ranking reader has no use for
_OF_READERS = (
    "n_rankings", "request_lag", "ranking_training", "request_weight", "grouping", "state_fusion",
    "shuffle_scores", "shuffle_rankings", "hide_target",
)  # fmt: skip
#: and what it has none for where no loss reads rankings either
_OF_RANKINGS = ("ranking_source", "objectives", "score_fusion", "requests_per_window")
#: and what it has none for where no loss asks for the softmax over the catalogue
_OF_SOFTMAX = ("full_softmax_limit", "sampled_negatives", "negative_distribution")
#: what the ranking stage alone has no use for, which has no states of users
_OF_STATES = (
    "n_layers", "n_heads", "hidden_size", "inner_size", "hidden_dropout_prob",
    "attn_dropout_prob", "initializer_range", "ranking_training", "request_weight",
    "shuffle_scores", *_OF_SOFTMAX,
)  # fmt: skip
_NO_READER = "there is no ranking_reader"


def idle_keys(config: Any) -> List[Tuple[str, str]]:
    """List the keys that the user gave in vain, each with the reason.

    Parameters
    ----------
    config : Config
    """
    reasons = _reasons(config)
    given = [key for key in config.external_config_dict if key not in config.keys_beside_data]
    heads = [(key, key.partition(".")[0]) for key in given]
    idle = [(key, reasons[head]) for key, head in heads if head in reasons]
    return idle + list(_terms(config, given))


def _terms(config: Any, given: List[str]) -> Iterator[Tuple[str, str]]:
    """Return the logit terms of `given` keys that read rankings, where no reader reads any."""
    stages = {stage.key for stage in config.stages()}
    if "ranking_reader" not in stages or config.component("ranking_reader") is not None:
        return
    for name, term in config.component("logit_terms").items():
        where = f"logit_terms.{name}"
        for key in given if term.component.reads_ranking else ():
            if key == "logit_terms" or f"{key}.".startswith(f"{where}."):
                yield max(key, where, key=len), f"{_NO_READER}, and it reads rankings"


def idle_settings(config: Any) -> List[Tuple[str, str]]:
    """List the settings of components that are not at their defaults in vain, with the reasons.

    Unlike a key of `idle_keys`, a setting may do something again where another setting is changed.

    Parameters
    ----------
    config : Config
    """
    reasons = _reasons(config)
    chosen = {s.key: config.component(s.key) for s in config.stages() if s.key not in reasons}
    return [idle for key, value in chosen.items() for idle in _idle_settings(key, value)]


def _idle_settings(where: str, value: Any) -> Iterator[Tuple[str, str]]:
    """Yield the settings that were changed in vain, of what was chosen and of what is inside."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _idle_settings(f"{where}.{name}", inside)
    if not isinstance(value, Choice):
        return
    settings = value.settings
    idle = settings.idle() if hasattr(settings, "idle") else {}
    for name, usual in defaults_of(type(settings)).items():
        here, is_given = f"{where}.{name}", getattr(settings, name)
        if name in idle and is_given != usual:
            yield here, idle[name]
        yield from _idle_settings(here, is_given)


def _reasons(config: Any) -> Dict[str, str]:
    """Return why keys do nothing, by the keys; only POEM and its ranking stage have such."""
    is_poem = getattr(config.model_class, "keys", None) is POEMKeys
    return dict(_pairs(config)) if is_poem else {}


def _pairs(config: Any) -> Iterator[Tuple[str, str]]:
    source = config.component("ranking_source")
    if not getattr(source.component, "trains_rankers", False):
        why = f"the ranking_source {source.name} trains no ranker, as time_blocks does"
        yield from ((key, why) for key in OF_RANKERS if key != "targets")  # data sets name those
    for key in _unread(source):
        yield key, f"the ranking_source {source.name} does not read it"
    stages = {stage.key for stage in config.stages()}
    encoder = config.component("history_encoder")
    reads = "ranking_reader" in stages and config.component("ranking_reader") is not None
    reader = config.component("ranking_reader") if reads else None
    for key in () if encoder is None else _unread(encoder):
        if key == "n_layers" or reader is None:  # the other sizes are those of the reader, too
            yield key, f"the history_encoder {encoder.name} does not read it"
        elif key in _unread(reader):
            names = f"the history_encoder {encoder.name} nor the ranking_reader {reader.name}"
            yield key, f"neither {names} reads it"
    if reader is not None and not reads_groups(reader):
        yield "grouping", f"the ranking_reader {reader.name} reads no groups as it is set"
    losses = config.component("losses") or {}
    if losses and not any(_asks_softmax(term.component) for term in losses.values()):
        why = f"no loss asks for the softmax over the catalogue ({', '.join(losses)})"
        yield from dict.fromkeys(_OF_SOFTMAX, why).items()
    if "ranking_reader" not in stages:
        yield "n_rankings", f"{config.model} reads one ranking"
        why = f"{config.model} orders candidates by their scores, and has no states of users"
        yield from dict.fromkeys(_OF_STATES, why).items()
    elif config.component("ranking_reader") is None:
        yield from dict.fromkeys(_OF_READERS, _NO_READER).items()
        if not any(term.component.reads_rankings(term.settings) for term in losses.values()):
            why = f"{_NO_READER}, and no loss reads rankings"
            yield from dict.fromkeys(_OF_RANKINGS, why).items()
    elif config["ranking_training"] == "stacked":
        yield "request_weight", "it holds for ranking_training: joint"


def _unread(choice: Choice) -> List[str]:
    """Return the keys that a component says it does not read, nor one in its settings."""
    keys = getattr(choice.component, "unread_keys", ())
    inside = [part for part in vars(choice.settings).values() if isinstance(part, Choice)]
    told = [_unread(part) for part in inside if hasattr(part.component, "unread_keys")]
    return [key for key in keys if all(key in others for others in told)]


def _asks_softmax(term: Any) -> bool:
    """Tell whether a loss asks for the softmax; one from outside that does not say so may."""
    return bool(getattr(term, "asks_softmax", True))
