"""A differential fuzzer: random programs leave the same state on QEMU and our machine, translated or not.

`steps`, `flow` and `generate` make cases, `render` turns them into one assembly program around `runtime.S`, `state`
reads what the program writes to the UART, `campaign` runs and compares, `minimize` makes a failing case small. Only
`campaign.Bench` starts programs.
"""
