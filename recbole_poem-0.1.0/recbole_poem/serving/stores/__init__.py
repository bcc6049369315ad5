"""What a service keeps between requests."""
