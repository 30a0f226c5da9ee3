"""Old log files: formats found by looking, entries joined, batches that depend on nothing but the file."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from wardlight.problems import BadInput
from wardlight.receive import files
from wardlight.receive.files import LogFile, Mark
from wardlight.receive.formats import FORMATS

WRITTEN = 1_767_225_600

SAMPLES = {
    "json": '{"time":"2026-01-01T00:00:00Z","msg":"a"}\n{"msg":"b"}\n',
    "combined": (
        '10.0.0.1 - - [31/Dec/2025:23:00:00 +0100] "GET /a HTTP/1.1" 200 17 "-" "curl/8"\n'
        '10.0.0.2 - ada [31/Dec/2025:23:00:01 +0100] "POST /b HTTP/1.1" 502 - "http://x/" "say \\"hi\\""\n'
    ),
    "postgresql": (
        "2025-12-31 22:00:00.123 UTC [71] LOG:  database system is ready\n"
        "2025-12-31 22:00:01.000 UTC [72] clinic@wards ERROR:  relation does not exist at character 15\n"
        "2025-12-31 22:00:01.000 UTC [72] clinic@wards STATEMENT:  select *\n\tfrom nowhere\n"
        "2025-12-31 22:00:02.000 UTC [71] LOG:  checkpoint starting\n"
    ),
    "syslog": (
        "Dec 31 22:00:00 ward-3 sshd[71]: Accepted publickey\n"
        "2025-12-31T22:00:01+00:00 ward-3 kernel: x\n"
        "<86>Dec 31 22:00:02 ward-3 sudo: y\n<34>1 2025-12-31T22:00:03Z h app 7 - - z\n"
    ),
    "logfmt": 'ts=2025-12-31T22:00:00Z level=warn msg="slow \\"query\\"" took=3s\nts=2025-12-31T22:00:01Z msg=b\n',
    "python": (
        "2025-12-31 22:00:00,123 - clinic.visits - ERROR - no ink\n"
        'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n\nValueError: ink\n'
        "[2025-12-31 22:00:01,000] WARNING in app: flask\n"
        "2025-12-31 22:00:02.000 [main] INFO  org.clinic.Ward - started\n"
    ),
}  # fmt: skip

Make = Callable[..., LogFile]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(content: str | bytes, name: str = "app.log", **more: Any) -> LogFile:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (WRITTEN, WRITTEN))
        labels = more.pop("labels", {})
        zone = more.pop("zone", UTC)
        return LogFile(path, zone, labels, FORMATS[more["form"]] if "form" in more else None)

    return made


def entries(file: LogFile, mark: Mark | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for batch in file.batches(mark) for line in batch.lines.split(b"\n")]


@pytest.mark.parametrize("name", SAMPLES)
def test_formats_are_found_by_looking(make: Make, name: str) -> None:
    file = make(SAMPLES[name])
    assert file.format
    assert file.format.name == name


def test_json_is_passed_on_and_an_entry_without_a_time_has_that_of_the_one_before(make: Make) -> None:
    first, second = entries(make(SAMPLES["json"]))
    assert first == {"time": "2026-01-01T00:00:00Z", "msg": "a", "log.file.name": "app.log"}
    assert second["time"] == first["time"]


def test_what_web_servers_write(make: Make) -> None:
    first, second = entries(make(SAMPLES["combined"]))
    assert first["time"] == "2025-12-31T23:00:00+01:00"
    assert (first["client.address"], first["http.response.status_code"], first["level"]) == ("10.0.0.1", "200", "info")
    assert (second["user.id"], second["http.request.method"], second["level"]) == ("ada", "POST", "error")
    assert ("http.response.body.size" in second, second["http.request.header.referer"]) == (False, "http://x/")


def test_postgresqls_messages_keep_their_details_and_continuation_lines(make: Make) -> None:
    first, second, third = entries(make(SAMPLES["postgresql"]))
    assert (first["message"], first["level"], first["time"]) == (
        "database system is ready", "info", "2025-12-31 22:00:00.123Z",
    )  # fmt: skip
    assert second["message"].split("\n")[0] == "ERROR:  relation does not exist at character 15"
    assert second["message"].endswith("STATEMENT:  select *\n\tfrom nowhere")
    assert (second["db.user"], second["db.namespace"], second["process.pid"]) == ("clinic", "wards", "72")
    assert third["message"] == "checkpoint starting"


def test_what_syslog_daemons_write(make: Make) -> None:
    found = entries(make(SAMPLES["syslog"]))
    assert [one["service.name"] for one in found] == ["sshd", "kernel", "sudo", "app"]
    assert found[0]["time"] == (WRITTEN - 7200) * 10**9
    assert (found[2]["level"], found[2]["wardlight.kind"]) == ("info", "security")


def test_logfmt(make: Make) -> None:
    first, _ = entries(make(SAMPLES["logfmt"]))
    assert (first["msg"], first["took"]) == ('slow "query"', "3s")


def test_pythons_logging_keeps_its_stack_traces(make: Make) -> None:
    first, second, third = entries(make(SAMPLES["python"]))
    assert (first["logger"], first["level"]) == ("clinic.visits", "ERROR")
    assert first["message"].startswith("no ink\nTraceback")
    assert first["message"].endswith("\n\nValueError: ink")
    assert (second["logger"], second["message"]) == ("app", "flask")
    assert (third["logger"], third["level"], third["message"]) == ("org.clinic.Ward", "INFO", "started")


def test_times_without_a_zone_are_in_the_given_one(make: Make) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert entries(make(SAMPLES["python"], zone=berlin))[2]["time"] == (WRITTEN - 3 * 3600 + 2) * 10**9


def test_an_entry_without_any_time_has_that_of_the_files_last_change(make: Make) -> None:
    (found,) = entries(make("ERROR:root:no ink\n"))
    assert (found["time"], found["logger"]) == (WRITTEN * 10**9, "root")


def test_labels_are_added_to_every_entry_and_the_given_service_wins(make: Make) -> None:
    labels = {"service_name": "mine", "team": "a"}
    first = entries(make(SAMPLES["syslog"], labels=labels))[0]
    assert (first["labels"], "service.name" in first) == (labels, False)


@pytest.mark.parametrize("compress", [gzip.compress, lambda data: pa.compress(data, "zstd", asbytes=True),
                                      lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:])])  # fmt: skip
def test_gzip_and_zstd_are_known_by_their_first_bytes(make: Make, compress: Callable[[bytes], bytes]) -> None:
    plain = SAMPLES["python"].encode() * 200
    assert entries(make(compress(plain), "b.log")) == [
        {**one, "log.file.name": "b.log"} for one in entries(make(plain, "a.log"))
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"BZh91AY&SY", "bzip2 isn't read here"),
        (b"\x7fELF\0\0\0", "not a text file"),
        ("hello\nworld\n", "--format"),
        (gzip.compress(SAMPLES["json"].encode() * 500)[:-20], "damaged"),
        (b"\x1f\x8bnonsense", "damaged"),
        (pa.compress(SAMPLES["json"].encode() * 500, "zstd", asbytes=True)[:-20], "damaged"),
    ],
)
def test_what_can_not_be_read_is_said_with_the_files_name(make: Make, content: str | bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=rf"app\.log.*{reason}"):
        entries(make(content))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        LogFile(tmp_path / "nowhere.log", UTC, {})


def test_plain_is_never_guessed_but_can_be_asked_for(make: Make) -> None:
    assert [one["message"] for one in entries(make("hello\n\nworld\n", form="plain"))] == ["hello", "world"]


def test_an_empty_file_has_no_entries(make: Make) -> None:
    assert entries(make("")) == []


def test_from_any_batch_on_the_rest_is_the_same_batches(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BATCH_ENTRIES", 7)
    file = make(SAMPLES["python"] * 20)
    batches = list(file.batches(None))
    assert len(batches) == 9
    assert len({batch.key for batch in batches}) == 9
    for at, batch in enumerate(batches):
        assert file.is_at(batch.end)
        assert list(file.batches(batch.end)) == batches[at + 1 :]


def test_a_mark_belongs_to_its_file_also_when_that_grew_or_was_compressed(make: Make) -> None:
    content = SAMPLES["python"].encode()
    mark = list(make(content).batches(None))[-1].end
    assert make(content * 2, "grown").is_at(mark)
    assert make(gzip.compress(content), "compressed.gz").is_at(mark)
    assert not make(content.replace(b"flask", b"other"), "changed").is_at(mark)
    assert not make(content[:-30], "shorter").is_at(mark)


def test_of_a_line_that_is_too_long_the_beginning_is_kept(make: Make) -> None:
    long = "x" * (3 << 20)
    found = entries(make(f'ts=1 msg="{long}\nts=2026-01-01T00:00:00Z msg=b\n', form="plain"))
    assert [len(one["message"]) for one in found] == [1 << 19, 29]
