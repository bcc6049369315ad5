"""From raw multi-objective scores to a partially ordered sequence: pure functions on tensors."""
