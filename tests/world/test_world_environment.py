"""The world as an environment of gymnasium, by gymnasium's own checks."""

import warnings
from typing import Any, Dict, Tuple

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from toy_world import small_world

from recbole_poem.core.errors import InputError
from recbole_poem.world.environment import WorldEnv
from recbole_poem.world.loop import Lives, Until


class OneUser(gymnasium.Env):
    """One user of the vector environment, which is what gymnasium's checker takes."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self) -> None:
        self._all = WorldEnv(small_world(people__users=1).settings, requests=6, candidates=20)
        self.observation_space = self._all.single_observation_space
        self.action_space = self._all.single_action_space

    def reset(self, *, seed: Any = None, options: Any = None) -> Tuple[Dict[str, Any], Any]:
        super().reset(seed=seed)
        observation, infos = self._all.reset(seed=int(self.np_random.integers(2**31)))
        return self._first(observation), infos

    def step(self, action: np.ndarray) -> Tuple[Dict[str, Any], float, bool, bool, Any]:
        observation, reward, terminated, truncated, infos = self._all.step(action[None])
        ends = bool(terminated[0]), bool(truncated[0])
        return self._first(observation), float(reward[0]), *ends, infos

    def _first(self, observation: Dict[str, np.ndarray]) -> Dict[str, Any]:
        one = {name: np.asarray(of[0]) for name, of in observation.items()}
        return {**one, "user": observation["user"][0]}


def test_it_passes_the_checker_of_gymnasium() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(infinity|inf).*")  # scores have no bounds
        warnings.filterwarnings("ignore", message=".*render.*")
        warnings.filterwarnings("ignore", message=".*spec.*")
        check_env(OneUser())


def env(requests: int = 5) -> WorldEnv:
    return WorldEnv(small_world().settings, requests=requests, candidates=20)


def test_observations_and_actions_are_of_their_spaces() -> None:
    world = env()
    assert world.metadata["autoreset_mode"] is AutoresetMode.DISABLED and world.num_envs == 40
    observation, infos = world.reset(seed=3)
    assert observation in world.observation_space and infos == {}
    world.action_space.seed(0)
    for step in range(5):
        observation, reward, terminated, truncated, infos = world.step(world.action_space.sample())
        assert observation in world.observation_space
        assert reward == pytest.approx(infos["seconds"].sum(axis=1))
        assert infos["shown"].shape == infos["seen"].shape == infos["long_view"].shape == (40, 4)
        assert not terminated.any() and (truncated == (step == 4)).all()
        assert np.array_equal(observation["ranking"], infos["ranking"])
    with pytest.raises(InputError, match="there is no episode; call reset"):
        world.step(world.action_space.sample())


def test_the_same_seed_is_the_same_episode_and_another_one_is_not() -> None:
    def episode(world: WorldEnv, seed: int) -> np.ndarray:
        world.reset(seed=seed)
        action = np.broadcast_to(np.arange(20), (40, 20))
        return np.stack([world.step(action)[1] for _ in range(5)])

    one, other = env(), env()
    assert np.array_equal(episode(one, 1), episode(other, 1))
    assert np.array_equal(episode(one, 1), episode(one, 1))
    assert not np.array_equal(episode(one, 1), episode(one, 2))


def test_it_is_the_world_itself() -> None:
    world, everything = WorldEnv(small_world().settings, 4, 60), np.arange(60)
    world.reset(seed=7)
    seconds = [world.step(np.broadcast_to(everything, (40, 60)))[1] for _ in range(4)]
    twin = small_world().with_chances_of(int(np.random.default_rng(7).integers(2**31)))
    lives = Lives(twin, np.arange(40)).go(twin.usual_retrieval(), Until(requests=4))
    for found, served in zip(seconds, lives):
        assert np.array_equal(found, served.seconds.sum(axis=1))


def test_wrappers_of_gymnasium_go_around_it() -> None:
    world = RecordEpisodeStatistics(env(requests=3))
    world.reset(seed=0)
    action, total = np.broadcast_to(np.arange(20), (40, 20)), np.zeros(40)
    for _ in range(3):
        _, reward, _, _, infos = world.step(action)
        total += reward
    assert infos["episode"]["r"] == pytest.approx(total)


def test_what_cannot_be_is_refused() -> None:
    world = env()
    with pytest.raises(InputError, match="there is no episode"):
        world.step(np.zeros((40, 20), dtype=int))
    with pytest.raises(InputError, match="seed: expected one number"):
        world.reset(seed=[1, 2])
    with pytest.raises(InputError, match="reset_mask: all users end together"):
        world.reset(options={"reset_mask": np.arange(40) < 3})
    world.reset(seed=0)
    with pytest.raises(InputError, match="expected ids of videos, -1 to 59, of the shape"):
        world.step(np.full((40, 20), 60))
    with pytest.raises(InputError, match="candidates: expected a whole number from 1, not 0"):
        WorldEnv(small_world().settings, candidates=0)
