"""What a sampling profiler of guests makes of its samples: names, tables, folded stacks, flame graphs.

The machine takes the samples (`core/machine/src/sampler.rs`); everything here is pure and knows of files only where
symbols are read.
"""
