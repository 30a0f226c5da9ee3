"""Boards are brought to a Grafana, and over nobody's work.

Grafana can't be started here: what stands in answers as the documentation of its HTTP API has it (folders, data sources,
dashboards with their versions, teams), of version 9.4 and of 12.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from wardlight import dashboards
from wardlight.cli import grafana as command
from wardlight.cli import main
from wardlight.dashboards import grafana as client
from wardlight.dashboards.grafana import Grafana
from wardlight.dashboards.push import Done, home, push
from wardlight.dashboards.sources import sources
from wardlight.problems import BadInput, Conflict, Denied, NotFound, Problem, Unauthenticated, Unavailable

BOARDS = {uid: board for uid, board in dashboards.built().items() if uid in ("wardlight-system", "wardlight-logs")}
SOURCES = sources(prometheus="http://p:9090", logs="http://w:8480", alertmanager="http://a:9093", token="wl_1_secret")
Answer = tuple[int, Any]


class StandIn(httpx.BaseTransport):
    """One organisation in memory; `bare` answers versions as a list, as Grafana did until version 11."""

    def __init__(self, *, bare: bool = False, version: str = "12.1.0") -> None:
        self.bare, self.version = bare, version
        self.folders: dict[str, str] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, list[dict[str, Any]]] = {}
        self.meta: dict[str, dict[str, Any]] = {}
        self.teams = {7: "Night shift"}
        self.preferences: dict[int, dict[str, Any]] = {7: {"theme": "dark"}}
        self.writes = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/grafana/api/health" and request.headers["Authorization"] != "Bearer glsa_right":
            return httpx.Response(401, json={"message": "Invalid API key"})
        body = json.loads(request.read() or b"null")
        self.writes += request.method != "GET"
        status, answer = self.answer(request, request.url.path.removeprefix("/grafana/api/").split("/"), body)
        return httpx.Response(status, json=answer)

    def answer(self, request: httpx.Request, path: list[str], body: Any) -> Answer:
        match request.method, *path:
            case "GET", "health":
                return 200, {"database": "ok", "version": self.version, "commit": "0"}
            case "GET", "folders", uid:
                return (200, {"uid": uid}) if uid in self.folders else (404, {"message": "folder not found"})
            case "POST", "folders":
                self.folders[body["uid"]] = body["title"]
                return 200, body
            case "GET", "datasources", "uid", uid:
                return (200, self.shown(uid)) if uid in self.sources else (404, {"message": "Data source not found"})
            case "POST", "datasources":
                if body["name"] in {source["name"] for source in self.sources.values()}:
                    return 409, {"message": "data source with the same name already exists"}
                self.sources[body["uid"]] = body
                return 200, {"message": "Datasource added"}
            case "PUT", "datasources", "uid", uid:
                self.sources[uid] = {**self.sources[uid], **body}
                return 200, {"message": "Datasource updated"}
            case "GET", "dashboards", "uid", uid:
                if uid not in self.boards:
                    return 404, {"message": "Dashboard not found"}
                return 200, {"dashboard": self.boards[uid][-1]["data"], "meta": self.meta[uid]}
            case "GET", "dashboards", "uid", uid, "versions":
                newest = [{"version": len(self.boards[uid]), "message": self.boards[uid][-1]["message"]}]
                return 200, newest if self.bare else {"continueToken": "", "versions": newest}
            case "POST", "dashboards", "db":
                self.meanwhile()
                return self.save(body)
            case "GET", "teams", "search":
                name = request.url.params["name"]
                return 200, {"teams": [{"id": at, "name": it} for at, it in self.teams.items() if it == name]}
            case "GET", "teams", number, "preferences":
                return 200, self.preferences[int(number)]
            case "PUT", "teams", number, "preferences":
                self.preferences[int(number)] = body
                return 200, {"message": "Preferences updated"}
        return 404, {"message": "Not found"}

    def shown(self, uid: str) -> dict[str, Any]:
        """Show a data source as Grafana does: of secrets only that they are there."""
        kept = self.sources[uid]
        secrets = dict.fromkeys(kept.get("secureJsonData", {}), True)
        plain = {name: value for name, value in kept.items() if name != "secureJsonData"}
        return {"id": 1, "orgId": 1, "isDefault": False, "readOnly": False, **plain, "secureJsonFields": secrets}

    def save(self, body: dict[str, Any]) -> Answer:
        uid = body["dashboard"]["uid"]
        versions = self.boards.setdefault(uid, [])
        if self.meta.get(uid, {}).get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if versions and not body["overwrite"] and body["dashboard"].get("version") != len(versions):
            return 412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
        data = {**body["dashboard"], "id": 1, "version": len(versions) + 1}
        versions.append({"data": data, "message": body["message"]})
        self.meta.setdefault(uid, {"provisioned": False})["folderUid"] = body["folderUid"]
        return 200, {"uid": uid, "status": "success", "version": len(versions)}

    def edit(self, uid: str, message: str = "") -> None:
        """Let somebody save a board in the browser."""
        self.save({
            "dashboard": {**self.boards[uid][-1]["data"], "title": "Mine"}, "message": message, "overwrite": True,
            "folderUid": self.meta[uid]["folderUid"],
        })  # fmt: skip


@pytest.fixture(params=[False, True], ids=["12", "9.4"])
def there(request: pytest.FixtureRequest) -> StandIn:
    return StandIn(bare=request.param, version="9.4.7" if request.param else "12.1.0")


def grafana(there: StandIn, token: str = "glsa_right") -> Grafana:
    return Grafana("http://here/grafana/", token, transport=there)


def bring(there: StandIn, boards: dict[str, Any] = BOARDS, *, force: bool = False, **more: Any) -> list[Done]:
    return list(push(grafana(there), boards, more.get("wanted", SOURCES), force=force))


def outcomes(done: list[Done]) -> dict[str, str]:
    return {each.name: each.outcome for each in done}


def test_the_first_time_everything_is_made_in_its_folder(there: StandIn) -> None:
    assert set(outcomes(bring(there)).values()) == {"made"}
    assert there.folders == {"wardlight": "Wardlight", "wardlight-homes": "Wardlight homes"}
    assert there.meta["wardlight-system"]["folderUid"] == "wardlight"
    assert set(there.sources) == {"prometheus", "wardlight-logs", "alertmanager"}
    assert there.sources["wardlight-logs"]["secureJsonData"] == {"httpHeaderValue1": "Bearer wl_1_secret"}


def test_the_second_time_nothing_changes(there: StandIn) -> None:
    bring(there)
    writes = there.writes
    assert set(outcomes(bring(there)).values()) == {"unchanged"}
    assert there.writes == writes


def test_a_new_edition_of_a_board_replaces_the_old_one_where_it_is(there: StandIn) -> None:
    bring(there)
    there.meta["wardlight-system"]["folderUid"] = "theirs"
    new = {**BOARDS, "wardlight-system": {**BOARDS["wardlight-system"], "refresh": "1m"}}
    assert outcomes(bring(there, new))["System Overview"] == "changed"
    assert there.boards["wardlight-system"][-1]["data"]["refresh"] == "1m"
    assert there.meta["wardlight-system"]["folderUid"] == "theirs"


def test_what_somebody_edited_is_kept_and_named(there: StandIn) -> None:
    bring(there)
    there.edit("wardlight-system")
    done = bring(there)
    assert outcomes(done)["System Overview"] == "kept"
    assert "somebody edited it" in next(each.why for each in done if each.outcome == "kept")
    assert there.boards["wardlight-system"][-1]["data"]["title"] == "Mine"
    assert outcomes(done)["Logs"] == "unchanged"


def test_force_replaces_it_and_their_version_stays_in_the_history(there: StandIn) -> None:
    bring(there)
    there.edit("wardlight-system", message="better colours")
    assert outcomes(bring(there, force=True))["System Overview"] == "changed"
    assert [version["data"]["title"] for version in there.boards["wardlight-system"]] == [
        "System Overview", "Mine", "System Overview",
    ]  # fmt: skip


def test_what_is_saved_while_it_is_pushed_is_not_overwritten(there: StandIn) -> None:
    bring(there)
    new = {"wardlight-system": {**BOARDS["wardlight-system"], "refresh": "1m"}}
    there.meanwhile = lambda: there.edit("wardlight-system")
    with pytest.raises(Conflict, match=r"System Overview.*saved by somebody else meanwhile; push again"):
        bring(there, new)
    assert there.boards["wardlight-system"][-1]["data"]["title"] == "Mine"


def test_a_board_from_a_file_of_that_grafana_is_left_to_it(there: StandIn) -> None:
    bring(there)
    there.meta["wardlight-system"]["provisioned"] = True
    done = bring(there, force=True)
    assert next(each.why for each in done if each.outcome == "kept") == "it comes from a file of that Grafana"


def test_a_new_address_or_token_changes_the_data_source(there: StandIn) -> None:
    bring(there)
    moved = sources(prometheus="http://p2:9090", logs="http://w:8480", alertmanager="http://a:9093", token="wl_2_new")
    done = outcomes(bring(there, wanted=moved))
    assert (done["Wardlight metrics"], done["Wardlight logs"], done["Wardlight alerts"]) == (
        "changed", "changed", "unchanged",
    )  # fmt: skip
    assert there.sources["prometheus"]["url"] == "http://p2:9090"
    assert there.sources["wardlight-logs"]["secureJsonData"] == {"httpHeaderValue1": "Bearer wl_2_new"}
    assert set(outcomes(bring(there, wanted=moved)).values()) == {"unchanged"}


def test_a_data_source_that_somebody_edited_is_kept(there: StandIn) -> None:
    bring(there)
    there.sources["prometheus"]["url"] = "http://theirs:9090"
    assert outcomes(bring(there))["Wardlight metrics"] == "kept"
    assert outcomes(bring(there, force=True))["Wardlight metrics"] == "changed"


def test_a_data_source_that_was_there_before_is_used_as_it_is(there: StandIn) -> None:
    there.sources["prometheus"] = {
        "uid": "prometheus", "name": "Theirs", "type": "prometheus", "url": "http://x", "access": "proxy", "jsonData": {},
    }  # fmt: skip
    done = bring(there)
    assert "was there before" in next(each.why for each in done if each.name == "Wardlight metrics")
    assert there.sources["prometheus"]["url"] == "http://x"


def test_a_data_source_of_another_type_is_an_error(there: StandIn) -> None:
    there.sources["prometheus"] = {"uid": "prometheus", "name": "Theirs", "type": "mysql", "jsonData": {}}
    with pytest.raises(BadInput, match="uid prometheus, of type mysql in place of prometheus"):
        bring(there)


def test_no_secret_and_no_digest_that_is_one_can_be_read_in_what_grafana_shows(there: StandIn) -> None:
    bring(there)
    assert "wl_1_secret" not in json.dumps(there.shown("wardlight-logs"))


def test_a_team_starts_with_its_home_and_keeps_its_other_preferences(there: StandIn) -> None:
    assert home(grafana(there), "Night shift", "wardlight-home-support").outcome == "made"
    assert there.preferences[7] == {"theme": "dark", "homeDashboardUID": "wardlight-home-support"}
    assert home(grafana(there), "Night shift", "wardlight-home-support").outcome == "unchanged"
    with pytest.raises(NotFound, match="no team 'Nobody'"):
        home(grafana(there), "Nobody", "wardlight-home-support")


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (httpx.Response(401, json={"message": "Invalid API key"}), Unauthenticated, r"\(401\), the token is not one"),
        (httpx.Response(403, json={"message": "no"}), Denied, "needs the role Admin"),
        (httpx.Response(500, json={"message": "boom"}), Unavailable, "500.*boom"),
        (httpx.Response(400, json={"message": "bad"}), BadInput, "400.*bad"),
        (httpx.Response(200, text="<html>"), Unavailable, "http://here is not a Grafana: 200 without JSON"),
        (httpx.Response(200, json={"version": "8.5.2"}), Unavailable, r"8\.5\.2 is too old.*9\.4"),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(answer: httpx.Response, kind: type[Problem], says: str) -> None:
    with pytest.raises(kind, match=says):
        Grafana("http://here", "x", transport=httpx.MockTransport(lambda _: answer)).version()


def test_one_that_is_away_is_named() -> None:
    with pytest.raises(Unavailable, match=r"no Grafana answers at http://127\.0\.0\.1:9: ConnectError"):
        Grafana("http://127.0.0.1:9", "x").version()


@pytest.fixture
def run(there: StandIn, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(client, "Grafana", lambda url, token: Grafana(url, token, transport=there))

    def call(*arguments: str, token: str = "glsa_right") -> Any:
        command = ["grafana", "push", "--data", str(tmp_path), "--url", "http://here/grafana", "--token", token]
        return CliRunner().invoke(main, [*command, *arguments])

    return call


def test_the_command_says_what_it_did_and_the_second_time_that_nothing_was_to_do(run: Callable[..., Any]) -> None:
    first, second = run("--home", "Night shift=support"), run("--home", "Night shift=support")
    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert "made       board System Overview" in first.output
    assert "made       home of team Night shift" in first.output
    assert second.output.endswith("nothing to change\n")


def test_the_command_fails_when_something_was_kept(run: Callable[..., Any], there: StandIn) -> None:
    run()
    there.edit("wardlight-errors")
    done = run()
    assert done.exit_code == Conflict.exit_code
    assert "kept       board Error Tracking: somebody edited it" in done.output
    assert run("--force").exit_code == 0


def test_a_token_may_come_from_a_file(run: Callable[..., Any], tmp_path: Any) -> None:
    (tmp_path / "token").write_text("glsa_right\n")
    assert run(token=f"@{tmp_path}/token").exit_code == 0
    assert run(token=f"@{tmp_path}/none").exit_code == BadInput.exit_code
    assert run(token="").exit_code == BadInput.exit_code


@pytest.mark.parametrize("written", ["Night shift", "=support", "Night shift=nurses"])
def test_a_home_that_makes_no_sense_is_refused_before_anything_is_done(
    run: Callable[..., Any], there: StandIn, written: str
) -> None:
    assert run("--home", written).exit_code == BadInput.exit_code
    assert there.writes == 0


def test_every_role_has_its_home() -> None:
    assert {f"wardlight-home-{role}" for role in command.ROLES} == {
        uid for uid in dashboards.built() if "-home-" in uid
    }
