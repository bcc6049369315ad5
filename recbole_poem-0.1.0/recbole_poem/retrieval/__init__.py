"""Item-to-item similarities, and the choice of the candidates of a ranking."""
