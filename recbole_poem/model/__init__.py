"""POEM: two encoders, a gate, three losses."""
