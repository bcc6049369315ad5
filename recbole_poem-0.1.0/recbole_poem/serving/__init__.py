"""Raw histories in, recommendations out."""
