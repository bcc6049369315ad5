"""Catalogues of any size for the index, and the states that ask: drawn, or like trained ones.

``LikeTrained`` continues a table that POEM has trained. Each row is drawn about a row of the table
(a smoothed bootstrap, Silverman 1986): the noise has the covariance of the differences of items
and their nearest neighbours, times a width h². The width is the one by which the table's rows are
likeliest, each left out in turn. Then all are moved towards the mean, so that their covariance, and
with it the spectrum, is the table's. A row has at last the length of the row it is drawn about. The
states are those of the model's own training rows.
"""

from typing import NamedTuple, Protocol

import numpy as np

from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.index.sample import sample_requests
from recbole_poem.serving.interest import Interests
from recbole_poem.serving.loading import open_checkpoint
from recbole_poem.serving.rankers import needs_of
from recbole_poem.serving.shortlist import Vectors

D = 64
N_CLUSTERS = 300
_BLOCK = 1 << 17  # rows that are drawn at once
_WIDTHS = np.geomspace(0.1, 2.0, 25)


class Catalogue(Protocol):
    """Items, and states that ask for some of them."""

    def items(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw embeddings (n, d) float32."""

    def states(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw states (n, d) float32."""


class Clustered(NamedTuple):
    """Embeddings (n, d), and the cluster of each."""

    embedding: np.ndarray
    cluster: np.ndarray


class Mixture:
    """300 clusters of unequal size, whose items vary in norm (lognormal, σ = 0.4).

    A cluster is about as wide as half the way between two centres. A state is near the mean of five
    items, three of them of one cluster.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._centre = rng.normal(size=(N_CLUSTERS, D)) / D**0.5
        self._share = rng.dirichlet(np.full(N_CLUSTERS, 0.5))

    def clustered(self, rng: np.random.Generator, n: int) -> Clustered:
        """Draw items with their clusters."""
        cluster = rng.choice(N_CLUSTERS, n, p=self._share)
        return Clustered(self._of(rng, cluster), cluster)

    def items(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw embeddings."""
        return self.clustered(rng, n).embedding

    def states(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw states."""
        cluster = rng.choice(N_CLUSTERS, (n, 5), p=self._share)
        cluster[:, 1:3] = cluster[:, :1]
        mean = self._of(rng, cluster.ravel()).reshape(n, 5, D).mean(axis=1)
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
        return (mean + 0.3 * rng.normal(size=(n, D)) / D**0.5).astype(np.float32)

    def _of(self, rng: np.random.Generator, cluster: np.ndarray) -> np.ndarray:
        embedding = self._centre[cluster] + 0.7 * rng.normal(size=(len(cluster), D)) / D**0.5
        embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
        embedding *= rng.lognormal(0, 0.4, (len(cluster), 1))
        return embedding.astype(np.float32)


class Normal:
    """Independent normal numbers, which is the hardest case: no item is like another."""

    def items(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw embeddings."""
        return rng.standard_normal((n, D), dtype=np.float32)

    def states(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw states near the mean of five items."""
        mean = rng.normal(size=(n, 5, D)).mean(axis=1)
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
        return (mean + 0.3 * rng.normal(size=(n, D)) / D**0.5).astype(np.float32)


class Trained(NamedTuple):
    """What a model is asked and what it answers by: items (n, d) and states (S, d), float32."""

    items: np.ndarray
    states: np.ndarray


def trained(checkpoint: str, n_states: int) -> Trained:
    """Read the items that a trained POEM scores, and its states at random training rows."""
    loaded = open_checkpoint(checkpoint, {"use_gpu": False, "state": "ERROR"})
    batches = BatchMaker(loaded.config, loaded.model, loaded.dataset.trends)
    requests = sample_requests(loaded.dataset.log, n_states, needs_of(loaded.model))
    vectors = Vectors.of(loaded.model.scoring_items().detach())
    interests = Interests(loaded.model, batches(requests.of(np.arange(2))))
    states = vectors.continued(interests(batches(requests)))
    return Trained(vectors.items[1:], states.reshape(-1, states.shape[2]))


class LikeTrained:
    """As many items as are asked for, of the distribution of trained ones; see above."""

    def __init__(self, table: Trained) -> None:
        items = table.items.astype(np.float64)
        kernel = np.cov(_differences(items).T)
        self.width = float(max(_WIDTHS, key=lambda width: _likelihood(items, kernel, width)))
        self._rows, self._states = items, table.states
        self._length = np.linalg.norm(items, axis=1, keepdims=True)
        self._mean, self._noise = items.mean(axis=0), self.width * np.linalg.cholesky(kernel)
        covariance = np.cov(items.T)
        wide = np.linalg.cholesky(covariance + self.width**2 * kernel)
        self._shrink = np.linalg.solve(wide.T, np.linalg.cholesky(covariance).T)

    def items(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw embeddings."""
        row = rng.integers(0, len(self._rows), n)
        noise = rng.normal(size=(n, len(self._mean))) @ self._noise.T
        drawn = self._mean + (self._rows[row] - self._mean + noise) @ self._shrink
        drawn *= self._length[row] / np.linalg.norm(drawn, axis=1, keepdims=True)
        return drawn.astype(np.float32)

    def states(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw some of the model's states."""
        return self._states[rng.choice(len(self._states), n, replace=False)]


def write(catalogue: Catalogue, path: str, n: int) -> None:
    """Write n items into a file of numpy."""
    rng = np.random.default_rng(0)
    d = catalogue.items(np.random.default_rng(0), 1).shape[1]
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    for begin in range(0, n, _BLOCK):
        rows[begin : begin + _BLOCK] = catalogue.items(rng, min(_BLOCK, n - begin))
    rows.flush()


def _differences(items: np.ndarray) -> np.ndarray:
    """Return what is between each item and its nearest neighbour, (n, d)."""
    squares = np.einsum("nd,nd->n", items, items)
    apart = squares[:, np.newaxis] + squares - 2 * items @ items.T
    np.fill_diagonal(apart, np.inf)
    return items - items[apart.argmin(axis=1)]


def _likelihood(items: np.ndarray, kernel: np.ndarray, width: float) -> float:
    """Return the log-likelihood of the rows, each by a kernel of a width about all others.

    Constants apart.
    """
    white = np.linalg.solve(np.linalg.cholesky(kernel), items.T).T / width
    squares = np.einsum("nd,nd->n", white, white)
    apart = squares[:, np.newaxis] + squares - 2 * white @ white.T
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    near = np.exp((nearest[:, np.newaxis] - apart) / 2).sum(axis=1)
    return float((np.log(near) - nearest / 2).sum() - items.size * np.log(width))
