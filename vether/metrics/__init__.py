"""Counters for Prometheus, at an HTTP address. Its library is imported when metrics are wanted, and not before."""
