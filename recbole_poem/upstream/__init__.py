"""Who fills the request cache: the rankings that the model reads at the next request."""
