"""The encoders of the history and of the ranking, and the fusion of their states."""
