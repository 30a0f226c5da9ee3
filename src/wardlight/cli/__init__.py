"""The command line. A command is one line in `COMMANDS`; its module is imported only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from wardlight.problems import Denied, Problem

COMMANDS = {
    "up": ("wardlight.cli.up:up", "Start everything and watch over it."),
    "down": ("wardlight.cli.up:down", "Stop what `up` started."),
    "status": ("wardlight.cli.up:status", "Say what runs, and whether all of it is healthy."),
    "serve": ("wardlight.cli.serve:serve", "Run the server alone."),
    "store": ("wardlight.cli.store:store", "Look after the log store: statistics, legal holds."),
    "backup": ("wardlight.cli.backup:backup", "Save everything, restore it, prove that it can be restored."),
    "check": ("wardlight.cli.check:check", "Say what is wrong with files, before they are used."),
    "ledger": ("wardlight.cli.ledger:ledger", "Check the audit trail, prove entries of it."),
    "audit": ("wardlight.cli.audit:audit", "Ask who opened whose record; write answers to files, with proofs."),
    "logs": ("wardlight.cli.logs:logs", "Ask for log lines in LogQL, or follow new ones."),
    "incidents": ("wardlight.cli.incidents:incidents", "List incidents, take them on, document them."),
    "alerts": ("wardlight.cli.alerts:alerts", "Send a test alert down the whole way."),
    "oncall": ("wardlight.cli.oncall:oncall", "Say who is on call now and next; let somebody stand in."),
    "users": ("wardlight.cli.users:users", "Let people in: invite, disable, give roles and new links."),
    "tokens": ("wardlight.cli.tokens:tokens", "Let machines in: make, list and revoke their tokens."),
    "protect": ("wardlight.cli.protect:protect", "Try out what is removed from log lines."),
    "ingest": ("wardlight.cli.ingest:ingest", "Send old log files to a running server."),
    "heartbeats": ("wardlight.cli.heartbeats:heartbeats", "List jobs that say that they ran; add, pause, remove them."),
    "maintenance": ("wardlight.cli.maintenance:maintenance", "Announce windows in which alerts are silenced."),
    "deploy": ("wardlight.cli.deploy:deploy", "Tell that a version of a service was deployed."),
    "dashboards": ("wardlight.cli.dashboards:dashboards", "Write the dashboards as files."),
    "grafana": ("wardlight.cli.grafana:grafana", "Bring the dashboards to a Grafana that runs elsewhere."),
    "demo": ("wardlight.cli.demo:demo", "Break and mend the demo clinic."),
}
"""Name: where it is (`module:object`), and its line in the help."""


class LazyGroup(click.Group):
    """A group whose help needs no command's module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command; None if there is no such."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands with the table's lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a Problem becomes its sentence on standard error and its exit code."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            click.echo(f"wardlight: {problem}", err=True)
            sys.exit(problem.exit_code)
        except PermissionError as error:
            click.echo(f"wardlight: not allowed: {error.filename or error}", err=True)
            sys.exit(Denied.exit_code)


@click.group(cls=LazyGroup)
@click.version_option(package_name="wardlight")
def main() -> None:
    """Monitoring, logging and audit for healthcare platforms."""
