"""What the catalogue is ranked by: the product with a user state, and what is added to it."""
