"""The models: POEM, and the ranking stage alone as a baseline."""
