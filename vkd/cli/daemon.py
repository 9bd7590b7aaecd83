"""`vkd daemon`."""

import click


@click.command()
def daemon() -> None:
    """Run the daemon in the foreground, until Ctrl-C or SIGTERM; guests run on.

    Nobody has to: the first command that needs a daemon starts one. It is for service managers and for debugging.
    """
    from vkd.daemon.main import run  # noqa: PLC0415 - the daemon is not for other commands to import

    run()
