"""The world as a vector environment of gymnasium: one sub-environment a user, one step a request.

An agent is a retrieval: it gets what `recbole_poem.world.retrieval.Asked` holds, but for the user's
mind, and answers with candidates. The reward is the watch time of the list that becomes of them.
``gymnasium`` is the extra ``world`` of this package.
"""

from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from recbole_poem.core.errors import InputError
from recbole_poem.world.history import LENGTH, NONE
from recbole_poem.world.loop import Lives
from recbole_poem.world.retrieval import Asked, without_doubles
from recbole_poem.world.settings import WorldSettings
from recbole_poem.world.world import World

Observation = Dict[str, np.ndarray]


class WorldEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """All users of a world, who ask side by side.

    Videos and people stay the same; an episode has chances of its own, which its seed tells. All
    users begin and end together, after as many requests: nobody terminates, all are truncated.
    There is no autoreset.

    Observations, of each user: ``user``, ``time`` (seconds since the world began), ``history`` (ids
    of videos, oldest first), ``history_time``, ``long_view`` (whether each was watched for long),
    ``ranking`` (ids of the previous request's ranking, best first) and ``scores`` (its scores by
    objective). -1 stands where there is no video. An action is the ids of candidates, -1 for none;
    what is there twice, was seen before or is gone counts once or not at all.

    The infos of a step are arrays by name: ``ranking``, ``scores``, ``shown`` (the list), ``seen``
    (whether the user got so far), ``seconds``, ``left``, and the reactions ``click``, ``long_view``
    and so on. All but the first two are (U, L).

    Parameters
    ----------
    settings : WorldSettings
        ``people.users`` is the number of sub-environments.
    requests : int
        Of an episode, from 1.
    candidates : int
        R, of an action, from 1.

    Raises
    ------
    InputError
        If `requests` or `candidates` is below 1.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012

    def __init__(self, settings: WorldSettings, requests: int = 30, candidates: int = 100) -> None:
        for name, value in (("requests", requests), ("candidates", candidates)):
            if value < 1:
                raise InputError(f"{name}: expected a whole number from 1, not {value}")
        self._world = World(settings)
        self.num_envs = self._world.n_users
        self._everybody = np.arange(self.num_envs)
        self._requests, self._step = requests, 0
        self._lives: Optional[Lives] = None
        n, last = settings.list.candidates, self._world.n_items - 1
        of_list = (n, len(self._world.objectives))
        self.single_action_space = spaces.Box(NONE, last, (candidates,), np.int64)
        self.single_observation_space = spaces.Dict(
            {
                "user": spaces.Discrete(self.num_envs),
                "time": spaces.Box(0.0, np.inf, (), np.float64),
                "history": spaces.Box(NONE, last, (LENGTH,), np.int64),
                "history_time": spaces.Box(0.0, np.inf, (LENGTH,), np.float64),
                "long_view": spaces.MultiBinary(LENGTH),
                "ranking": spaces.Box(NONE, last, (n,), np.int64),
                "scores": spaces.Box(-np.inf, np.inf, of_list, np.float32),
            }
        )
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)

    def reset(
        self,
        *,
        seed: Optional[Union[int, Sequence[Optional[int]]]] = None,
        options: Optional[Dict[str, Any]] = None,
    ) -> Tuple[Observation, Dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        seed : int, optional
            Of its chances; without one the episodes after a seed are the same again.
        options : dict, optional
            ``reset_mask`` may only name all users, as all of them end together.

        Raises
        ------
        InputError
            For a list of seeds, or a mask of some users.
        """
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise InputError("seed: expected one number, as the users have their chances in common")
        mask = (options or {}).get("reset_mask")
        if mask is not None and not np.all(mask):
            raise InputError("reset_mask: all users end together; reset all of them")
        super().reset(seed=seed)
        world = self._world.with_chances_of(int(self.np_random.integers(2**31)))
        self._step, self._lives = 0, Lives(world, self._everybody)
        self._asked = self._lives.ask(self._everybody)
        return self._observation(), {}

    def step(
        self, actions: np.ndarray
    ) -> Tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Dict[str, Any]]:
        """Answer a request of every user.

        Parameters
        ----------
        actions : (U, R) int

        Returns
        -------
        observations, rewards, terminations, truncations, infos
            Rewards are the seconds watched, (U,) float64.

        Raises
        ------
        InputError
            Before the first `reset`, behind the end of an episode, and for actions that are none.
        """
        if self._lives is None or self._step == self._requests:
            raise InputError("step: there is no episode; call reset")
        if not self.action_space.contains(np.asarray(actions, dtype=np.int64)):
            raise InputError(
                f"actions: expected ids of videos, {NONE} to {self._world.n_items - 1}, of the "
                f"shape {self.action_space.shape}"
            )
        served = self._lives.answer(
            self._everybody, self._asked, without_doubles(np.asarray(actions, dtype=np.int64))
        )
        self._step += 1
        self._asked = self._lives.ask(self._everybody)
        infos = {
            name: getattr(served, of)
            for name, of in (
                ("ranking", "ranked"), ("scores", "scores"), ("shown", "shown"), ("seen", "seen"),
                ("seconds", "seconds"), ("left", "left"),
            )
        }  # fmt: skip
        never = np.zeros(self.num_envs, dtype=bool)
        ends = np.full(self.num_envs, self._step == self._requests)
        reward = served.seconds.sum(axis=1)
        return self._observation(), reward, never, ends, {**infos, **served.reactions}

    def _observation(self) -> Observation:
        asked: Asked = self._asked
        return {
            "user": asked.user.copy(),
            "time": asked.time,
            "history": asked.history.item,
            "history_time": asked.history.time,
            "long_view": asked.history.long_view.astype(np.int8),
            "ranking": asked.ranked,
            "scores": asked.scores.astype(np.float32),
        }
