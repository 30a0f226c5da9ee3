"""The example of the README works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import REGISTRY

import wardlight_sdk as wardlight

from .conftest import Receiver


async def test_the_first_example_of_the_readme_works(receiver: Receiver) -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"__name__": "portal"}
    exec(example.replace("http://127.0.0.1:8480", receiver.endpoint), names)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(names["app"]), base_url="http://portal") as http:
            assert (await http.get("/patients/p7")).json() == {"id": "p7"}
            assert "http_server_request_duration_seconds" in (await http.get("/metrics")).text
    finally:
        wardlight.close()
    kinds = {record.body: record.kind for record in receiver.records}
    assert kinds["Patient read"] == "audit"
    assert kinds["chart opened"] == "application"
    assert not [name for name in REGISTRY.collect() if name.name.startswith("app_")]
