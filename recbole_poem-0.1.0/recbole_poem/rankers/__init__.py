"""The multi-task rankers: their features, losses, training and measures."""
