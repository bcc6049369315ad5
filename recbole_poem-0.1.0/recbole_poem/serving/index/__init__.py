"""An index over a large catalogue."""
