"""Requests and recommendations in files."""
