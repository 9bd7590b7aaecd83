"""A differential fuzzer: random instruction sequences on QEMU and on our machine must leave the same state.

`steps` and `generate` make cases, `render` turns them into one assembly program around `runtime.S`, `state` reads what
the program writes to the UART, `campaign` runs and compares, `minimize` makes a failing case small. Only
`campaign.Bench` starts programs.
"""
