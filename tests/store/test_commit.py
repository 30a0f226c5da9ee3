"""Group commit: gathered, durable, bounded; no batch fails for its neighbour; a known key is not written twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import batch

from wardlight.clock import SystemClock
from wardlight.problems import BadInput, Busy, NotFound, Unavailable
from wardlight.records import Decoded
from wardlight.store import Table
from wardlight.store.commit import Commit, Fresh, GroupCommit, Key, Pace
from wardlight.store.dialect import by_partition
from wardlight.store.embedded import EmbeddedStore
from wardlight.store.journal import Journal, Segment
from wardlight.store.seen import Submitted

KEY = b"k" * 16
LASTING = Key(KEY, lasting=True)
SLOW = Pace(flush_seconds=60, settle_seconds=0)


class Engine:
    """The real engine behind a gate, so that a test decides when an insert may go on and which one fails."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.open = threading.Event()
        self.open.set()
        self.poison: Exception | None = None
        self.store_insert: Callable[..., None] | None = None

    def insert(self, batches: Iterable[Decoded], token: str = "", table: Table = "logs") -> None:
        assert self.open.wait(10)
        batches = list(batches)
        if self.store_insert:
            self.store_insert(batches, token)
            return
        if self.poison and any("poison" in rows["body"].to_pylist() for rows in batches):
            raise self.poison
        self.store.insert(batches, token)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


Begin = Callable[..., GroupCommit]


@pytest.fixture
def engine(store: EmbeddedStore) -> Engine:
    return Engine(store)


@pytest.fixture
def begin(engine: Engine, tmp_path: Path) -> Iterator[Begin]:
    """Start a group commit on the same journal as the one before; what still runs at the end is closed."""
    with ExitStack() as running:

        def start(pace: Pace = SLOW, told: Callable[[Commit], None] = lambda _commit: None) -> GroupCommit:
            commits = GroupCommit(engine, Journal(tmp_path / "journal", SystemClock()), pace, told)  # type: ignore[arg-type]
            running.callback(commits.close)
            running.callback(engine.open.set)
            return commits

        yield start


def segments(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "journal").glob("*.segment"))


def count(store: EmbeddedStore | Engine) -> int:
    return int(store.select("SELECT count() AS n FROM logs").to_pylist()[0]["n"])  # type: ignore[operator]


def test_a_batch_is_in_the_journal_when_its_future_is_done(begin: Begin, tmp_path: Path) -> None:
    begin().submit(batch("a")).done.result(10)
    (segment,) = Journal(tmp_path / "journal", SystemClock()).recover()
    assert [rows["body"].to_pylist() for rows in segment.batches] == [["a"]]


def test_a_query_sees_what_was_acknowledged_before_it(begin: Begin, engine: Engine) -> None:
    commits = begin()
    for line in "abc":
        commits.submit(batch(line)).done.result(10)
        found = Fresh(engine, commits).select("SELECT body FROM logs WHERE body = {b:String}", {"b": line})  # type: ignore[arg-type]
        assert found.num_rows == 1


def test_a_segment_is_removed_when_the_engine_has_it(begin: Begin, tmp_path: Path) -> None:
    commits = begin()
    commits.submit(batch("a")).done.result(10)
    commits.settle()
    assert segments(tmp_path) == []


def test_many_batches_become_one_insert(begin: Begin) -> None:
    told: list[Commit] = []
    commits = begin(told=told.append)
    for future in [commits.submit(batch(f"line {n}")).done for n in range(20)]:
        future.result(10)
    commits.close()
    assert [commit.rows for commit in told if commit.stage == "engine"] == [20]


def test_what_waits_too_long_is_inserted(begin: Begin, engine: Engine) -> None:
    commits = begin(Pace(flush_seconds=0.05))
    commits.submit(batch("a")).done.result(10)
    deadline = threading.Event()
    while not count(engine):
        assert not deadline.wait(0.02)


def test_a_known_key_is_not_written_twice(begin: Begin, engine: Engine) -> None:
    commits = begin()
    first, second = commits.submit(batch("a"), LASTING), commits.submit(batch("a"), LASTING)
    assert (first.repeated, second.repeated, second.done) == (False, True, first.done)
    first.done.result(10)
    commits.settle()
    assert count(engine) == 1


@pytest.mark.parametrize("settled", [True, False])
def test_a_key_is_known_after_a_restart(begin: Begin, engine: Engine, *, settled: bool) -> None:
    commits = begin()
    commits.submit(batch("a"), LASTING).done.result(10)
    if settled:
        commits.settle()
    commits.close()
    again = begin().submit(batch("a"), LASTING)
    assert again.repeated
    again.done.result(10)
    assert count(engine) == 1


def test_two_equal_batches_without_a_key_are_two(begin: Begin, engine: Engine) -> None:
    commits = begin()
    for _ in range(2):
        commits.submit(batch("a")).done.result(10)
        commits.settle()
    assert count(engine) == 2


def test_a_full_queue_refuses_and_what_was_taken_is_kept(begin: Begin, engine: Engine) -> None:
    engine.open.clear()
    commits = begin(Pace(max_bytes=1000, flush_seconds=60))
    taken = commits.submit(batch("first"))
    with pytest.raises(Busy, match=r"receive\.max_queue_bytes"):
        commits.submit(batch("x" * 2000))
    taken.done.result(10)
    engine.open.set()
    commits.close()
    assert count(engine) == 1


def test_closing_writes_what_waits(begin: Begin, engine: Engine) -> None:
    commits = begin(Pace(gather_seconds=5))
    waiting = commits.submit(batch("last"))
    commits.close()
    assert waiting.done.done()
    assert count(engine) == 1
    with pytest.raises(Unavailable):
        commits.submit(batch("late"))


def test_an_engine_that_is_away_is_tried_again(begin: Begin, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardlight.store.commit._RETRY_SECONDS", 0.01)
    engine.poison = Unavailable("away")
    commits = begin(Pace(flush_seconds=0.01))
    commits.submit(batch("poison")).done.result(10)
    commits.settle(0.2)
    engine.poison = None
    commits.settle()
    assert count(engine) == 1


def test_what_the_engine_lacks_at_closing_is_there_after_the_next_start(begin: Begin, engine: Engine) -> None:
    engine.poison = Unavailable("away")
    commits = begin()
    commits.submit(batch("poison")).done.result(10)
    commits.close()
    engine.poison = None
    begin().settle()
    assert count(engine) == 1


def test_what_the_engine_refuses_is_a_dead_letter_and_costs_nobody_else(begin: Begin, engine: Engine) -> None:
    engine.poison = BadInput("no")
    commits = begin()
    for line in ("good", "poison", "fine"):
        commits.submit(batch(line)).done.result(10)
    commits.settle()
    assert count(engine) == 2
    assert [letters.records for letters in commits.dead_letters()] == [1]


def test_what_was_written_of_a_refused_segment_is_not_written_again(begin: Begin, engine: Engine) -> None:
    commits = begin()
    real = engine.store.insert

    def refuse_security(batches: Sequence[Decoded], token: str = "") -> None:
        """Write the first partition, then refuse the second, as an engine would."""
        for partition, part in by_partition(batches).items():
            if any("poison" in rows["body"].to_pylist() for rows in part):
                raise BadInput("no")
            real(part, token)
            assert partition

    engine.store_insert = refuse_security
    commits.submit(batch("fine")).done.result(10)
    commits.submit(batch("poison", kind="security")).done.result(10)
    commits.submit(batch("good", kind="security")).done.result(10)
    commits.settle()
    found = Counter(engine.store.select("SELECT body FROM logs")["body"].to_pylist())
    assert found == {"fine": 1, "good": 1}


def test_dead_letters_can_be_replayed(begin: Begin, engine: Engine) -> None:
    engine.poison = BadInput("no")
    commits = begin()
    commits.submit(batch("poison")).done.result(10)
    commits.settle()
    (letters,) = commits.dead_letters()
    engine.poison = None
    assert commits.replay(letters.name) == 1
    commits.settle()
    assert (count(engine), commits.dead_letters()) == (1, [])


def test_dead_letters_that_are_refused_again_stay_dead_letters(begin: Begin, engine: Engine) -> None:
    engine.poison = BadInput("no")
    commits = begin()
    commits.submit(batch("poison")).done.result(10)
    commits.settle()
    commits.replay(commits.dead_letters()[0].name)
    commits.settle()
    assert [letters.records for letters in commits.dead_letters()] == [1]


def test_unknown_dead_letters_are_not_found(begin: Begin) -> None:
    with pytest.raises(NotFound):
        begin().replay("../../etc/passwd")


def test_the_oldest_dead_letters_give_way_and_are_counted(
    begin: Begin, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardlight.store.journal.MAX_DEAD_BYTES", 1)
    engine.poison = BadInput("no")
    told: list[Commit] = []
    commits = begin(told=told.append)
    for _ in range(2):
        commits.submit(batch("poison")).done.result(10)
        commits.settle()
    assert len(commits.dead_letters()) == 1
    assert [(commit.stage, commit.rows) for commit in told if commit.stage in {"dead", "removed"}] == [
        ("dead", 1), ("dead", 1), ("removed", 1),
    ]  # fmt: skip


def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal", SystemClock())


def frames(left: list[Segment]) -> list[str]:
    return [line for segment in left for rows in segment.batches for line in rows["body"].to_pylist()]


@pytest.mark.parametrize("cut", [1, 30, 10_000])
def test_a_torn_frame_is_left_out_and_the_ones_before_are_kept(tmp_path: Path, cut: int) -> None:
    written = journal(tmp_path)
    written.append([batch("whole")], [])
    (path,) = segments(tmp_path)
    end = path.stat().st_size
    written.append([batch("torn")], [])
    with path.open("r+b") as file:
        file.truncate(max(end, path.stat().st_size - cut))
    assert frames(journal(tmp_path).recover()) == ["whole"]


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    journal(tmp_path).append([batch("changed")], [])
    (path,) = segments(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    (left,) = journal(tmp_path).recover()
    assert (left.batches, left.damaged_bytes) == ([], len(raw))


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("fault", ["pwritev", "fdatasync"])
def test_a_failed_write_is_told_and_the_next_goes_to_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, *, persisted: bool
) -> None:
    written = journal(tmp_path)
    written.append([batch("before")], [])
    with monkeypatch.context() as patch:
        import os

        real = getattr(os, fault)

        def fail(*arguments: object) -> int:
            if persisted:
                real(*arguments)
            raise OSError(5, "Input/output error")

        patch.setattr(os, fault, fail)
        with pytest.raises(Unavailable, match="Input/output error"):
            written.append([batch("failed")], [KEY])
    written.append([batch("after")], [])
    assert len(segments(tmp_path)) == 2
    assert frames(journal(tmp_path).recover()) == ["before", "after"]


def test_names_grow_when_the_clock_is_set_back(tmp_path: Path) -> None:
    from wardlight.clock import ManualClock

    clock = ManualClock()
    written = Journal(tmp_path / "journal", clock)
    written.append([batch("first")], [])
    written.seal()
    clock.set_wall(1)
    written.append([batch("second")], [])
    assert frames(Journal(tmp_path / "journal", clock).recover()) == ["first", "second"]


def test_full_segments_are_inserted_one_by_one_however_many_wait(begin: Begin, engine: Engine) -> None:
    told: list[Commit] = []
    commits = begin(Pace(flush_seconds=60, settle_seconds=0, flush_rows=2), told.append)
    engine.open.clear()
    for lines in (("a", "b"), ("c", "d"), ("e",)):
        commits.submit(batch(*lines)).done.result(10)
    engine.open.set()
    assert commits.settle()
    commits.close()
    assert [commit.rows for commit in told if commit.stage == "engine"] == [2, 2, 1]


def overtaken(begin: Begin, engine: Engine) -> tuple[GroupCommit, threading.Event]:
    """Submit two lines, of which the engine has the second; returns what lets the insert of the first go on as well."""
    other_done, go_on = threading.Event(), threading.Event()
    real = engine.store.insert

    def insert(batches: Sequence[Decoded], token: str = "") -> None:
        if any("slow" in rows["body"].to_pylist() for rows in batches):
            assert go_on.wait(10)
        real(batches, token)
        other_done.set()

    engine.store_insert = insert
    commits = begin(Pace(flush_seconds=60, flush_rows=1))
    for line in ("slow", "quick"):
        commits.submit(batch(line)).done.result(10)
    assert other_done.wait(10)
    return commits, go_on


def test_two_segments_are_on_their_way_at_a_time(begin: Begin, engine: Engine) -> None:
    _, go_on = overtaken(begin, engine)
    assert count(engine) == 1
    go_on.set()


def test_a_query_waits_for_an_earlier_insert_that_takes_longer(begin: Begin, engine: Engine) -> None:
    commits, go_on = overtaken(begin, engine)
    assert not commits.settle(0.1)
    assert commits.lag_seconds > 0
    go_on.set()
    assert commits.settle()
    assert (count(engine), commits.lag_seconds, commits.queued_bytes) == (2, 0, 0)


def test_what_was_let_go_is_read_again_for_the_next_try(
    begin: Begin, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardlight.store.commit._RETRY_SECONDS", 0.01)
    engine.poison = Unavailable("away")
    commits = begin(Pace(flush_seconds=60, flush_rows=2))
    commits.submit(batch("poison", "other")).done.result(10)
    assert not commits.settle(0.2)
    (path,) = segments(tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1])
    engine.poison = None
    assert not commits.settle(0.2), "of a file that can't be read whole nothing may be given up"
    assert path.exists()
    path.write_bytes(raw)
    assert commits.settle()
    assert count(engine) == 2


def test_keys_that_were_written_in_part_are_written_over(tmp_path: Path) -> None:
    written = journal(tmp_path)
    for key in (b"1" * 16, b"2" * 16):
        written.append([batch("a")], [key])
        (segment,) = written.seal()
        written.remove(segment)
        with (tmp_path / "journal" / "keys").open("ab") as file:
            file.write(b"torn")
    assert journal(tmp_path).keys() == [b"1" * 16, b"2" * 16]


def test_of_requests_in_one_batch_only_the_new_ones_are_written(begin: Begin, engine: Engine) -> None:
    commits = begin()
    keys = [Key(bytes([at]) * 16, lasting=True) for at in range(4)]
    commits.submit_all(batch("a", "b", "c"), list(zip((1, 2), keys, strict=False)))
    again = commits.submit_all(batch("new", "a", "b", "c", "more", "also"), [
        (1, keys[2]), (1, keys[0]), (2, keys[1]), (1, keys[3]), (1, Key()),
    ])  # fmt: skip
    found = [one for one in again if isinstance(one, Submitted)]
    assert [one.repeated for one in found] == [False, True, True, False, False]
    for one in found:
        one.done.result(10)
    assert commits.settle()
    rows = engine.select("SELECT body FROM logs ORDER BY body").to_pylist()  # type: ignore[operator]
    assert [row["body"] for row in rows] == ["a", "also", "b", "c", "more", "new"]


def test_requests_of_one_batch_are_taken_as_far_as_there_is_room(begin: Begin) -> None:
    whole = batch(*("x" * 1000 for _ in range(4)))
    commits = begin(Pace(flush_seconds=60, max_bytes=whole.nbytes * 2))
    commits.submit(whole)
    found = commits.submit_all(batch(*("y" * 1500 for _ in range(4))), [(1, Key())] * 4)
    assert [type(one).__name__ for one in found] == ["Submitted", "Submitted", "Busy", "Busy"]


def test_a_frame_of_several_batches_is_read_back(tmp_path: Path) -> None:
    journal(tmp_path).append([batch("a", "b"), batch("c", kind="error")], [KEY])
    (left,) = journal(tmp_path).recover()
    assert (frames([left]), left.keys) == (["a", "b", "c"], [KEY])


def test_a_write_that_takes_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(os, "pwritev", lambda file, parts, at: os.pwrite(file, b"".join(parts)[:100], at))
    journal(tmp_path).append([batch("whole")], [])
    assert frames(journal(tmp_path).recover()) == ["whole"]
