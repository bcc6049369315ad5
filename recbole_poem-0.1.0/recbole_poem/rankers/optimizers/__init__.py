"""Optimizers that look at the losses of a ranker's targets one by one, whatever the ranker is.

A component is made as ``component(settings, n_processes)``, with the number of processes that share
a batch. It has the methods of `recbole_poem.rankers.networks.OwnOptimizer` and `OwnBackward`, and
stands in the place of the ranker's own. Without one, RecBole's keys (``learner``,
``learning_rate``, ``weight_decay``) say how the sum of the losses is followed.
"""
