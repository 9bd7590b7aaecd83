//! An Ethernet switch: a pure datapath, its I/O thread, and a user-mode gateway.
