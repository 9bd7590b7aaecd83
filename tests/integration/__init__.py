"""Tests that boot guests."""
