"""From the scores of a ranking to fused scores and ordered groups: pure functions on tensors."""
