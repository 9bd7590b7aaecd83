"""`vkd daemon`."""

import click


@click.command()
def daemon() -> None:
    """Run the daemon in the foreground, until Ctrl-C or SIGTERM; guests run on.

    Nobody has to: the first command that needs a daemon starts one. It is for service managers and for debugging.
    Under systemd it takes its control socket from vkd.socket, tells when it is ready, and feeds the watchdog.
    """
    # The daemon is not for other commands to import.
    from vether.systemd.notify import Notifier  # noqa: PLC0415
    from vkd.daemon.activation import take_control_socket  # noqa: PLC0415
    from vkd.daemon.main import Start, run  # noqa: PLC0415

    run(Start(manager=Notifier.from_environment(), control=take_control_socket()))
