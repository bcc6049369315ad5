"""Side-by-side runs of models, their statistics and their report."""
