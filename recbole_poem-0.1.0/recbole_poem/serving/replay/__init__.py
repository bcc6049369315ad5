"""The end of a log as live traffic."""
