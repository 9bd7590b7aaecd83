"""What a daemon and the service manager that started it say to each other, without libsystemd.

Each module reads its variables of the environment and removes them: the processes that a daemon starts are no services,
and must neither speak for it nor take its sockets.
"""

#: How a service reaches its manager (sd_notify(3), sd_watchdog_enabled(3)).
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
