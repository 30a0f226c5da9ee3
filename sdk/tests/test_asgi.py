"""The middleware and /metrics, in real applications."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import Mount, Route

import wardlight_sdk as wardlight

from .conftest import Received

Sent = Callable[[], list[Received]]
Count = Callable[..., float]
SECONDS = "http_server_request_duration_seconds_count"


def bind_user() -> None:
    wardlight.bind(user="u1", role="nurse", session="s1")


def application() -> FastAPI:
    app, prefixed = FastAPI(), APIRouter()

    @app.get("/patients/{mrn}", dependencies=[Depends(bind_user)])
    async def patient(mrn: str) -> str:
        wardlight.record_access("Patient", mrn, patient=mrn)
        return mrn

    @app.get("/anybody")
    async def anybody() -> str:
        wardlight.feature_use("anybody")
        return ""

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @prefixed.get("/{item}")
    async def item(item: str) -> str:
        return item

    app.include_router(prefixed, prefix="/items")
    app.router.routes.append(Route("/metrics", wardlight.metrics_app))
    app.router.routes.append(Mount("/also/metrics", wardlight.metrics_app))
    app.add_middleware(wardlight.Middleware)
    return app


@pytest.fixture
async def http(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(logging.getLogger("httpx"), "level", logging.WARNING)
    transport = httpx.ASGITransport(application(), raise_app_exceptions=False, client=("10.0.0.9", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://clinic", headers={"User-Agent": "Desk/1"}
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/patients/WC7", ("200", "/patients/{mrn}")),
        ("GET", "/items/7", ("200", "/items/{item}")),
        ("GET", "/nowhere/WC7", ("404", "")),
        ("GET", "/broken", ("500", "/broken")),
        ("GET", "/metrics", ("200", "/metrics")),
        ("BREW", "/patients/WC7", ("405", "/patients/{mrn}")),
    ],
)
async def test_a_request_is_measured_by_method_route_and_status(
    count: Count, http: httpx.AsyncClient, method: str, path: str, expected: tuple[str, str]
) -> None:
    await http.request(method, path)
    status, route = expected
    named = "_OTHER" if method == "BREW" else method
    assert count(SECONDS, http_request_method=named, http_response_status_code=status, http_route=route) == 1


async def test_records_carry_the_user_the_address_and_the_user_agent(sent: Sent, http: httpx.AsyncClient) -> None:
    await http.get("/patients/WC7")
    [record] = sent()
    assert {
        "user.id": "u1", "user.role": "nurse", "session.id": "s1", "client.address": "10.0.0.9",
        "user_agent.original": "Desk/1", "health.patient.id": "WC7",
    }.items() <= record.attributes.items()  # fmt: skip


async def test_the_next_request_knows_nothing_of_the_last_user(sent: Sent, http: httpx.AsyncClient) -> None:
    await http.get("/patients/WC7")
    await http.get("/anybody")
    assert "user.id" not in sent()[1].attributes


async def test_an_exception_that_nobody_caught_is_reported_once(
    sent: Sent, count: Count, http: httpx.AsyncClient
) -> None:
    assert (await http.get("/broken")).status_code == 500
    [record] = sent()
    assert (record.kind, record.attributes["exception.type"]) == ("error", "ZeroDivisionError")
    assert count("app_errors_total", type="ZeroDivisionError") == 1


@pytest.mark.parametrize("path", ["/metrics", "/also/metrics/"])
async def test_metrics_are_served(count: Count, http: httpx.AsyncClient, path: str) -> None:
    wardlight.feature_use("booking")
    answer = await http.get(path)
    assert 'app_feature_uses_total{feature="booking"} 1.0' in answer.text


async def test_it_stays_out_of_the_way_before_setup(http: httpx.AsyncClient) -> None:
    assert (await http.get("/patients/WC7")).json() == "WC7"
