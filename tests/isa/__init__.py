"""Instruction tests and the differential fuzzer."""
