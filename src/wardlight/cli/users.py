"""`wardlight users`: people who sign in, and their roles; through the server that runs, or without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from wardlight.access.people import Invitation, Person
from wardlight.access.roles import Role
from wardlight.cli import door, options

_name = click.argument("name")
_roles = click.argument("roles", nargs=-1, required=True, type=click.Choice([str(role) for role in Role]))
_json = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.group()
def users() -> None:
    """People who sign in, and their roles. They choose their passwords themselves, by a link that is good once."""


@users.command("list")
@options.data
@_json
def list_(data: Path, *, as_json: bool) -> None:
    """List everybody who signs in."""
    found = door.ask(data, "GET", "users", lambda hand: {"users": hand.access.people.listed()})["users"]
    head = ("name", "called", "roles", "state", "second factor", "last signed in")
    click.echo(door.as_json(found) if as_json else door.table(head, [_row(one) for one in found]))


@users.command()
@options.data
@_name
@_roles
@click.option("--called", default="", metavar="NAME", help="What people call them: 'Ann Archer'.")
@_json
def add(*, data: Path, name: str, roles: tuple[str, ...], called: str, as_json: bool) -> None:
    """Invite somebody, and print the link with which they choose a password."""
    body: dict[str, object] = {"name": name, "display_name": called, "roles": list(roles)}
    made = door.ask(
        data, "POST", "users",
        lambda hand: hand.link(hand.access.people.invite(name, called, map(Role, roles), by=hand.by)), body,
    )  # fmt: skip
    _print_link(made, as_json=as_json)


@users.command("roles")
@options.data
@_name
@_roles
def roles_(data: Path, name: str, roles: tuple[str, ...]) -> None:
    """Give somebody these roles instead of theirs; ends their sessions."""
    person = door.ask(
        data, "POST", f"users/{quote(name, safe='')}/roles",
        lambda hand: hand.access.people.set_roles(name, map(Role, roles), by=hand.by), {"roles": list(roles)},
    )  # fmt: skip
    click.echo(f"{person['name']} is {', '.join(person['roles'])}")


@users.command()
@options.data
@_name
def disable(data: Path, name: str) -> None:
    """Let somebody in no more, from this moment."""
    _change(data, name, "disable", lambda hand: hand.access.people.disable(name, by=hand.by))


@users.command()
@options.data
@_name
def enable(data: Path, name: str) -> None:
    """Let somebody in again; ends the waiting after failed sign-ins, too."""
    _change(data, name, "enable", lambda hand: hand.access.people.enable(name, by=hand.by))


@users.command()
@options.data
@_name
@_json
def link(data: Path, name: str, *, as_json: bool) -> None:
    """Print a new link, for who forgot a password or let a link expire."""
    _new_link(data, name, "link", lambda hand: hand.access.people.link(name, by=hand.by), as_json=as_json)


@users.command()
@options.data
@_name
@_json
def reset(data: Path, name: str, *, as_json: bool) -> None:
    """Take password and second factor away, end all sessions, print a new link."""
    _new_link(data, name, "reset", lambda hand: hand.access.people.reset(name, by=hand.by), as_json=as_json)


def _change(data: Path, name: str, what: str, straight: Callable[[door.Hand], Person]) -> None:
    person = door.ask(data, "POST", f"users/{quote(name, safe='')}/{what}", straight)
    click.echo(f"{person['name']} is {person['state']}")


def _new_link(data: Path, name: str, what: str, straight: Callable[[door.Hand], Invitation], *, as_json: bool) -> None:
    path = f"users/{quote(name, safe='')}/{what}"
    _print_link(door.ask(data, "POST", path, lambda hand: hand.link(straight(hand))), as_json=as_json)


def _print_link(made: dict[str, Any], *, as_json: bool) -> None:
    click.echo(door.as_json(made) if as_json else door.link_text(made))


def _row(person: dict[str, Any]) -> tuple[str, ...]:
    """Write a person as a row of the table."""
    elsewhere = "elsewhere" if person["outside"] else "no"
    return (
        person["name"],
        person["display_name"] or "–",
        ", ".join(person["roles"]),
        person["state"],
        "yes" if person["second_factor"] else elsewhere,
        door.time(person["signed_in"]),
    )
