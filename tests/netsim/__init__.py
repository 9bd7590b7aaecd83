"""Simulations of many bridges under a fake clock."""
