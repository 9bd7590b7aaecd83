"""The switch daemon over real sockets."""
