"""From keys to a trained model: configuration, checks, trainer, checkpoints, runs."""
