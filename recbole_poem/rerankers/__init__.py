"""What makes a list of scores."""
