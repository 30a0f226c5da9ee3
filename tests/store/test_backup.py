"""Backups are whole or not at all, restore to what was, and say which they are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.conftest import NOW, batch

from wardlight.clock import SystemClock, moment
from wardlight.config import Settings
from wardlight.problems import BadConfig, BadInput, Conflict, NotFound, Problem, Unavailable
from wardlight.store import manifest
from wardlight.store.backup import _files, listed, newest
from wardlight.store.facts import BACKUP, Facts
from wardlight.store.journal import Journal
from wardlight.store.manifest import Manifest
from wardlight.store.offline import Offline, opened
from wardlight.store.places import Place, place
from wardlight.store.restore import UNFINISHED, Mismatch, drill, refuse_unfinished, restore
from wardlight.store.state import State

DAY = 86_400_000_000_000


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't wait for what other processes of this machine have to write."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with settings, something that a later version keeps, and what isn't saved."""
    return furnished(tmp_path / "data")


def furnished(path: Path) -> Path:
    for name in ("wardlight.toml", "ledger/tile/0/000", "stack/prometheus/wal", "log/wardlight.log"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"{name}\n")
    (path / "wardlight.toml").chmod(0o600)
    (path / "ledger/tile/0/000").chmod(0o440)
    State(path / "state.db").close()
    return path


@pytest.fixture
def target(tmp_path: Path) -> Place:
    return place(str(tmp_path / "backups"))


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one full backup."""
    path = tmp_path_factory.mktemp("origin")
    made(furnished(path / "data"), place(str(path / "backups")), "a", "b")
    return path / "backups"


@pytest.fixture
def saved(origin: Path, target: Place) -> Manifest:
    """A full backup in `target`, of a data directory like `data`."""
    shutil.copytree(origin, target.root)
    return newest(target)


def fill(offline: Offline, *lines: str, days: int = 3) -> None:
    for day in range(days):
        for kind in ("application", "audit"):
            offline.engine.insert([batch(*lines, kind=kind, ts=NOW + day * DAY)])


def made(data: Path, target: Place, *lines: str, incremental: bool = False) -> Manifest:
    """Add lines and make a backup named by how many there are."""
    with opened(data, Settings()) as offline:
        if lines:
            fill(offline, *lines)
        number = len(target.entries())
        offline.backups._clock = Ticking(NOW + number * 1_000_000_000)
        return offline.backups.create(target.name, incremental=incremental)


class Ticking:
    """A clock for the names of backups."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ns(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return 0.0


def lines(data: Path) -> list[str]:
    with opened(data, Settings()) as offline:
        rows = offline.engine.select("SELECT kind, body FROM logs ORDER BY ts, kind, body").to_pylist()
        return [f"{row['kind']} {row['body']}" for row in rows]


def test_what_is_restored_is_what_was(data: Path, target: Place, tmp_path: Path) -> None:
    saved = made(data, target, "a", "b")
    restored = tmp_path / "restored"
    restore(target, saved.id, restored)
    assert lines(restored) == lines(data)
    assert (restored / "wardlight.toml").read_text() == "wardlight.toml\n"
    assert (restored / "ledger/tile/0/000").read_text() == "ledger/tile/0/000\n"


def test_the_audit_trail_is_restored_and_compared(data: Path, target: Place, tmp_path: Path) -> None:
    with opened(data, Settings()) as offline:
        offline.engine.manage(
            "INSERT INTO audit (idx, recorded, users) SELECT number, toDateTime64('2026-01-01', 9, 'UTC') "
            "- toIntervalDay(number * 20), ['ann'] FROM numbers(4)"
        )
        events = audit_trail(offline)
    saved = made(data, target, "a")
    trail = [(str(one.day), one.records) for one in saved.partitions if one.table == "audit"]
    assert trail == [("2025-11-01", 2), ("2025-12-01", 1), ("2026-01-01", 1)]
    assert saved.records == 6, "the log lines"
    restore(target, saved.id, tmp_path / "restored")
    with opened(tmp_path / "restored", Settings()) as offline:
        assert audit_trail(offline) == events
    other = msgspec.structs.replace(
        saved, partitions=tuple(one for one in saved.partitions if str(one.day) != "2025-12-01")
    )
    manifest.write(target, other)
    with pytest.raises(Mismatch, match="table audit 2025-12-01"):
        drill(target, saved.id)


def audit_trail(offline: Offline) -> list[dict[str, object]]:
    found: list[dict[str, object]] = offline.engine.select("SELECT * FROM audit ORDER BY idx").to_pylist()
    return found


def test_a_backup_of_before_the_audit_trail_is_restored(target: Place, data: Path, tmp_path: Path) -> None:
    data.mkdir(exist_ok=True)
    with opened(data, Settings()) as offline:
        fill(offline, "a")
        offline.engine.manage("DROP TABLE audit SYNC")
        offline.engine.manage("ALTER TABLE migrations DELETE WHERE version > 1 SETTINGS mutations_sync = 2")
    with opened(data, Settings()) as offline:
        saved = offline.backups.create(target.name)
    older = msgspec.structs.replace(saved, schema=1)
    manifest.write(target, older)
    restore(target, saved.id, tmp_path / "restored")
    assert lines(tmp_path / "restored") == lines(data)


def test_modes_are_kept(target: Place, saved: Manifest, tmp_path: Path) -> None:
    restore(target, saved.id, tmp_path / "restored")
    modes = {
        name: (tmp_path / "restored" / name).stat().st_mode & 0o777
        for name in ("wardlight.toml", "state.db", "ledger/tile/0/000")
    }
    assert modes == {"wardlight.toml": 0o600, "state.db": 0o600, "ledger/tile/0/000": 0o440}


def test_others_cant_read_a_backup(target: Place, saved: Manifest) -> None:
    root = Path(target.root)
    assert [path.stat().st_mode & 0o077 for path in (root, root / saved.id)] == [0, 0]


def test_the_state_database_is_that_of_the_moment(data: Path, target: Place, tmp_path: Path) -> None:
    with opened(data, Settings()) as offline:
        state = State(data / "state.db")
        facts = Facts(state)
        copy = state.copy

        def changed_meanwhile(*args: object) -> None:
            facts.put("later", saved_at, "after the snapshot")
            copy(*args)  # type: ignore[arg-type]

        saved_at = moment(NOW)
        facts.put("before", saved_at, "before")
        offline.backups._state.copy = changed_meanwhile  # type: ignore[method-assign]
        saved = offline.backups.create(target.name)
        state.close()
    restore(target, saved.id, tmp_path / "restored")
    state = State(tmp_path / "restored" / "state.db")
    assert Facts(state).get("before") is not None
    assert Facts(state).get("later") is None
    state.close()


def test_what_the_journal_holds_is_in_it(data: Path, target: Place, tmp_path: Path) -> None:
    (data / "logs").mkdir()
    Journal(data / "logs" / "journal", SystemClock()).append([batch("acknowledged")], [])
    saved = made(data, target)
    assert saved.records == 1


def test_an_incremental_backup_has_only_what_is_new(data: Path, target: Place, tmp_path: Path) -> None:
    first = made(data, target, *(os.urandom(500).hex() for _ in range(200)))
    second = made(data, target, "new", incremental=True)

    def size(entry: str) -> int:
        return sum(path.stat().st_size for path in Path(target.root, entry).rglob("*") if path.is_file())

    assert second.base == first.id
    assert size(second.id) < size(first.id) / 5
    assert {one.backup for one in second.files if one.path != "state.db"} == {first.id}
    restore(target, second.id, tmp_path / "restored")
    assert lines(tmp_path / "restored") == lines(data)


def test_a_file_that_grows_meanwhile_is_saved_as_it_was_copied(
    data: Path, target: Place, saved: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Place.put

    def grown(self: Place, source: Path, path: str) -> tuple[int, str]:
        if source.name == "wardlight.toml":
            source.write_text("longer\n" * 9)
        return put(self, source, path)

    (data / "wardlight.toml").write_text("changed\n")
    monkeypatch.setattr(Place, "put", grown)
    second = made(data, target, incremental=True)
    restore(target, second.id, tmp_path / "restored")
    assert (tmp_path / "restored/wardlight.toml").read_text() == "longer\n" * 9


def test_a_file_that_went_meanwhile_is_not_missed(
    data: Path, target: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put = Place.put

    def gone(self: Place, source: Path, path: str) -> tuple[int, str]:
        if source.name == "000":
            source.unlink()
        return put(self, source, path)

    monkeypatch.setattr(Place, "put", gone)
    assert [one.path for one in made(data, target).files] == ["state.db", "wardlight.toml"]


def test_the_ledger_is_read_in_the_order_in_which_entries_move(data: Path) -> None:
    for name in ("journal/1.segment", "log/checkpoint", "log/tile/entries/000", "large/00", "key"):
        (data / "ledger" / name).parent.mkdir(parents=True, exist_ok=True)
        (data / "ledger" / name).touch()
    shutil.rmtree(data / "ledger/tile")
    assert [str(path.relative_to(data / "ledger")) for path in _files(data) if "ledger" in path.parts] == [
        "key", "journal/1.segment", "log/checkpoint", "log/tile/entries/000", "large/00",
    ]  # fmt: skip


def test_incremental_backups_build_on_the_full_one(data: Path, target: Place) -> None:
    full = made(data, target, "a")
    made(data, target, "b", incremental=True)
    assert made(data, target, "c", incremental=True).base == full.id


def test_partitions_that_didnt_change_arent_read_again(
    data: Path, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(data, target, "a")
    read: list[object] = []
    with opened(data, Settings()) as offline:
        offline.engine.insert([batch("new")])
        select = offline.engine.select

        def counted(sql: str, params: object = None, **named: object) -> object:
            if "sipHash64" in sql:
                read.append(params)
            return select(sql, params, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(offline.engine, "select", counted)
        saved = offline.backups.create(target.name, incremental=True)
    assert len(saved.partitions) == 6
    assert len(read) == 1


def test_an_incremental_backup_needs_a_full_one(data: Path, target: Place) -> None:
    with pytest.raises(BadInput, match="no full backup"):
        made(data, target, incremental=True)


def test_backups_may_be_moved_together(data: Path, target: Place, tmp_path: Path) -> None:
    made(data, target, "a")
    second = made(data, target, "b", incremental=True)
    shutil.move(target.root, tmp_path / "elsewhere")
    restore(place(str(tmp_path / "elsewhere")), second.id, tmp_path / "restored")
    assert lines(tmp_path / "restored") == lines(data)


def test_a_full_backup_that_went_missing_is_named(data: Path, target: Place, tmp_path: Path) -> None:
    first = made(data, target, "a")
    second = made(data, target, "b", incremental=True)
    target.remove(first.id)
    with pytest.raises(BadInput, match=f"{second.id} builds on {first.id}, which can't be used"):
        restore(target, second.id, tmp_path / "restored")


def test_half_a_backup_is_listed_and_refused_by_name(target: Place, saved: Manifest, tmp_path: Path) -> None:
    (Path(target.root) / saved.id / manifest.NAME).unlink()
    ((entry, problem),) = listed(target)
    assert entry == saved.id
    assert "unfinished: it has no manifest" in str(problem)
    with pytest.raises(BadInput, match=f"backup {saved.id} .* is unfinished"):
        restore(target, saved.id, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    with pytest.raises(BadInput, match="no whole backup"):
        newest(target)


def test_a_damaged_manifest_is_refused(target: Place, saved: Manifest, tmp_path: Path) -> None:
    path = Path(target.root) / saved.id / manifest.NAME
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match="damaged"):
        restore(target, saved.id, tmp_path / "restored")


def test_a_manifest_that_leads_elsewhere_is_refused(target: Place, saved: Manifest, tmp_path: Path) -> None:
    path = Path(target.root) / saved.id / manifest.NAME
    path.write_bytes(path.read_bytes().replace(b'"wardlight.toml"', b'"../../stolen"'))
    with pytest.raises(BadInput, match="outside"):
        restore(target, saved.id, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_backup_that_isnt_there(target: Place, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no backup 20990101T000000Z"):
        restore(target, "20990101T000000Z", tmp_path / "restored")


def test_a_backup_of_a_newer_version_is_refused(target: Place, saved: Manifest, tmp_path: Path) -> None:
    newer = msgspec.structs.replace(saved, schema=99, wardlight="99.0")
    manifest.write(target, newer)
    with pytest.raises(BadInput, match=r"newer Wardlight \(99\.0\)"):
        restore(target, saved.id, tmp_path / "restored")


def test_only_an_empty_directory_is_restored_into(data: Path, target: Place, saved: Manifest) -> None:
    with pytest.raises(Conflict, match="isn't empty"):
        restore(target, saved.id, data)
    assert (data / "wardlight.toml").exists()


def spoil_logs(entry: Path) -> None:
    """Change what is stored so that the engine itself doesn't notice: take a partition away."""
    path = entry / "logs" / ".backup"
    text = path.read_text()
    parts = sorted({line.split("/logs/")[1].split("/")[0] for line in text.split("<name>data/") if "/logs/" in line})
    files = text.split("<file>")
    path.write_text("<file>".join(one for one in files if parts[-1] not in one or "</contents>" in one))


def spoil_file(entry: Path) -> None:
    (entry / "files" / "wardlight.toml").write_text("other\n")


def lose_logs(entry: Path) -> None:
    shutil.rmtree(entry / "logs" / "data")


def lose_file(entry: Path) -> None:
    (entry / "files" / "state.db").unlink()


@pytest.mark.parametrize("spoil", [spoil_logs, lose_logs, spoil_file, lose_file])
def test_a_restore_that_fails_leaves_nothing(
    target: Place, saved: Manifest, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(Path(target.root) / saved.id)
    restored = tmp_path / "restored"
    with pytest.raises((Mismatch, NotFound)):
        restore(target, saved.id, restored)
    assert not restored.exists()
    restored.mkdir()
    with pytest.raises((Mismatch, NotFound)):
        restore(target, saved.id, restored)
    assert list(restored.iterdir()) == []


def test_a_drill_compares_and_cleans_up(target: Place, saved: Manifest, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = drill(target, saved.id, scratch)
    assert done.backup == saved
    assert saved.records == 12
    assert list(scratch.iterdir()) == []


def test_a_drill_finds_what_is_spoilt(target: Place, saved: Manifest, tmp_path: Path) -> None:
    spoil_logs(Path(target.root) / saved.id)
    with pytest.raises(Mismatch, match="1 partitions differ from the manifest"):
        drill(target, saved.id, tmp_path)
    assert not list(tmp_path.glob("wardlight-drill-*"))


def test_a_backup_that_fails_leaves_nothing_and_can_be_made_again(
    data: Path, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(data, Settings()) as offline:
        fill(offline, "a")
        monkeypatch.setattr("wardlight.store.places.Place.put", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            offline.backups.create(target.name)
        assert target.entries() == []
        assert not list(data.glob(".backup-*"))
        monkeypatch.undo()
        offline.backups.create(target.name)


def test_a_place_that_cant_be_written_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with opened(data, Settings()) as offline, pytest.raises(Unavailable, match=r"file/backups"):
        offline.backups.create(str(tmp_path / "file" / "backups"))


def test_one_backup_at_a_time(data: Path, target: Place) -> None:
    with opened(data, Settings()) as offline:
        offline.backups._one.acquire()
        with pytest.raises(Conflict, match="already"):
            offline.backups.create(target.name)


def test_an_engine_that_lags_behind_is_not_backed_up(data: Path, target: Place) -> None:
    with opened(data, Settings()) as offline:
        offline.backups._settle = lambda _seconds: False
        with pytest.raises(Unavailable, match="behind"):
            offline.backups.create(target.name)
    assert target.entries() == []


def test_the_last_backup_is_remembered(data: Path, target: Place) -> None:
    saved = made(data, target, "a")
    state = State(data / "state.db")
    fact = Facts(state).get(BACKUP)
    state.close()
    assert fact is not None
    assert (fact.at, fact.value) == (saved.made, {"destination": target.name, "id": saved.id})


KILLED = """
import os, signal, sys
from pathlib import Path
from wardlight.config import Settings
from wardlight.store import backup, manifest, restore
from wardlight.store.offline import opened
from wardlight.store.places import place

die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
what, data, target = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
if what == "backup":
    manifest.write = die
    with opened(data, Settings()) as offline:
        offline.backups.create(target)
else:
    restore._restore_logs = die
    restore.restore(place(target), backup.newest(place(target)).id, data)
"""


def killed(what: str, data: Path, target: Place) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, what, str(data), target.name], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def test_a_backup_that_was_killed_is_refused_and_cleared_away(data: Path, target: Place) -> None:
    with opened(data, Settings()) as offline:
        fill(offline, "a")
    killed("backup", data, target)
    ((_, problem),) = listed(target)
    assert isinstance(problem, Problem)
    assert list(data.glob(".backup-*"))
    with opened(data, Settings()) as offline:
        assert not list(data.glob(".backup-*"))
        tables = offline.engine.select("SELECT name FROM system.tables WHERE database = currentDatabase()")
        assert sorted(row["name"] for row in tables.to_pylist()) == ["audit", "logs", "migrations"]
    assert made(data, target).records == 6


def test_a_restore_that_was_killed_doesnt_look_whole(target: Place, saved: Manifest, tmp_path: Path) -> None:
    restored = tmp_path / "restored"
    killed("restore", restored, target)
    assert (restored / UNFINISHED).exists()
    with pytest.raises(BadConfig, match="half of a restored backup"):
        refuse_unfinished(restored)
    with pytest.raises(BadConfig, match="half of a restored backup"), opened(restored, Settings()):
        pass


@pytest.mark.parametrize("wrong", ["s3://", "ftp://host/path", "s3://bucket/x?endpoint=http://other"])
def test_a_destination_that_is_none(wrong: str) -> None:
    with pytest.raises(BadInput, match="neither a directory nor s3"):
        place(wrong, {})


def test_where_the_engine_finds_a_place() -> None:
    assert place("s3://b/p/", {"AWS_REGION": "eu-central-1"}).engine("x") == (
        "S3('https://b.s3.eu-central-1.amazonaws.com/p/x')"
    )
    elsewhere = place("s3://b/it's", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000/"})
    assert elsewhere.engine("x") == r"S3('http://127.0.0.1:9000/b/it\'s/x')"
