"""The log, the requests and the batches."""
