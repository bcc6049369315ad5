"""What stands behind the training loader of any of RecBole's models."""

from typing import Any, List

from recbole.data.dataloader import KnowledgeBasedDataLoader
from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
from recbole.data.dataset import Dataset


def loaders_of(train_data: Any) -> List[AbstractDataLoader]:
    """List the loaders that draw an epoch's order; RecBole's knowledge-based one holds two."""
    if isinstance(train_data, KnowledgeBasedDataLoader):
        return [train_data.general_dataloader, train_data.kg_dataloader]
    return [train_data]


def training_split(train_data: Any) -> Dataset:
    """Return the data set whose rows a training loader gives."""
    return loaders_of(train_data)[0]._dataset
