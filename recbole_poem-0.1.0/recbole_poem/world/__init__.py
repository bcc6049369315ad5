"""A closed loop of simulated people: data with known bounds, A/B tests, an environment."""
