"""People and the tokens of machines as JSON, for those who manage.

    GET  /api/v1/users                   {"users": [{"name": "ann", "display_name": "Ann Archer", "roles": ["support"],
                                           "state": "active", "second_factor": true, "outside": false, …}]}
    POST /api/v1/users                   {"name": "ann", "display_name": "Ann Archer", "roles": ["support"], "by": "maria"}
      {"person": "ann", "link": "https://…/welcome/…", "expires": "…"}      with it she chooses her password, once
    POST /api/v1/users/ann/roles         {"roles": ["support", "auditor"], "by": "maria"}
    POST /api/v1/users/ann/disable, …/enable                    {"by": "maria"}
    POST /api/v1/users/ann/link          {"by": "maria"}        a new link; …/reset takes her password and second factor away too
    GET  /api/v1/tokens                  {"tokens": [{"id": "k3v9x2ab", "name": "grafana", "scopes": ["query:support"], …}]}
    POST /api/v1/tokens                  {"name": "grafana", "scopes": ["query:support"], "days": 90, "by": "maria"}
      {"token": {…}, "secret": "wl_k3v9x2ab_…"}                             shown this once
    POST /api/v1/tokens/k3v9x2ab/revoke  {"by": "maria"}

`state` is `invited`, `active` or `disabled`; of a token `good`, `expired` or `revoked`. Without `days` a token is good
until it is revoked. `by` counts where nobody signs in, and for the data directory's owner; else it is whoever has signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Request, Response

from wardlight.access.access import Access
from wardlight.access.people import Invitation, People, Person
from wardlight.access.principal import actor
from wardlight.access.roles import Role
from wardlight.access.tokens import Created, Token, Tokens

_Name = Annotated[str, Path(max_length=64)]
_Answer = TypeVar("_Answer")
_DAYS = 90


@dataclass(frozen=True)
class PersonList:
    """People."""

    users: list[Person]


@dataclass(frozen=True)
class TokenList:
    """Tokens."""

    tokens: list[Token]


@dataclass(frozen=True)
class Link:
    """A one-time link to a person's account."""

    person: str
    link: str
    expires: datetime

    @classmethod
    def of(cls, invitation: Invitation, address: str) -> Link:
        """Write an invitation as a link to the server at an address."""
        return cls(invitation.person, address + invitation.path, invitation.expires)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Who does it."""

    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Roles(Decision):
    """Somebody's roles from now on."""

    roles: list[Role]


@dataclass(frozen=True, kw_only=True)
class NewPerson(Roles):
    """Somebody who is invited."""

    name: str
    display_name: str = ""


@dataclass(frozen=True, kw_only=True)
class NewToken(Decision):
    """A token to be made."""

    name: str
    scopes: list[str]
    days: int | None = _DAYS


def router(access: Access, address: str) -> APIRouter:
    """Make the routes; `address` is where people reach the server."""
    routes = APIRouter(prefix="/api/v1")
    _people(routes, access.people, address)
    _tokens(routes, access.tokens)
    return routes


def _people(routes: APIRouter, people: People, address: str) -> None:
    @routes.get("/users", summary="List people", tags=["users"])
    def listed() -> PersonList:
        return PersonList(people.listed())

    @routes.post("/users", status_code=201, summary="Invite somebody", tags=["users"])
    def invite(request: Request, response: Response, new: NewPerson) -> Link:
        invitation = people.invite(new.name, new.display_name, new.roles, by=actor(request, new.by))
        return _once(response, Link.of(invitation, address))

    @routes.post("/users/{name}/roles", summary="Give somebody other roles; ends their sessions", tags=["users"])
    def roles(request: Request, name: _Name, given: Roles) -> Person:
        return people.set_roles(name, given.roles, by=actor(request, given.by))

    @routes.post("/users/{name}/disable", summary="Let somebody in no more; ends their sessions", tags=["users"])
    def disable(request: Request, name: _Name, decision: Decision) -> Person:
        return people.disable(name, by=actor(request, decision.by))

    @routes.post("/users/{name}/enable", summary="Let somebody in again, and forget failed sign-ins", tags=["users"])
    def enable(request: Request, name: _Name, decision: Decision) -> Person:
        return people.enable(name, by=actor(request, decision.by))

    @routes.post("/users/{name}/link", summary="Make a new one-time link", tags=["users"])
    def link(request: Request, response: Response, name: _Name, decision: Decision) -> Link:
        return _once(response, Link.of(people.link(name, by=actor(request, decision.by)), address))

    @routes.post("/users/{name}/reset", summary="Take password and second factor away; a new link", tags=["users"])
    def reset(request: Request, response: Response, name: _Name, decision: Decision) -> Link:
        return _once(response, Link.of(people.reset(name, by=actor(request, decision.by)), address))


def _tokens(routes: APIRouter, tokens: Tokens) -> None:
    @routes.get("/tokens", summary="List tokens, the newest first", tags=["tokens"])
    def listed() -> TokenList:
        return TokenList(tokens.listed())

    @routes.post("/tokens", status_code=201, summary="Make a token", tags=["tokens"])
    def create(request: Request, response: Response, new: NewToken) -> Created:
        made = tokens.create(new.name, new.scopes, days=new.days, by=actor(request, new.by))
        return _once(response, made)

    @routes.post("/tokens/{key}/revoke", summary="End a token, within a second", tags=["tokens"])
    def revoke(request: Request, key: _Name, decision: Decision) -> Token:
        return tokens.revoke(key, by=actor(request, decision.by))


def _once(response: Response, answer: _Answer) -> _Answer:
    """Let nobody on the way keep an answer with a secret."""
    response.headers["Cache-Control"] = "no-store"
    return answer
