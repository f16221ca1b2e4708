"""`evenhand audit` as a user runs it: a process of its own, on a journal on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evenhand_proxy.audit.journal import JOURNAL_FILE, Journal
from evenhand_proxy.events import Event
from evenhand_proxy.exchange import Usage
from tests.proxy.facts import DECODING, opening, outcome


@pytest.fixture(scope="module")
async def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data directory whose journal has three requests."""
    folder = tmp_path_factory.mktemp("data")
    journal = Journal(folder / JOURNAL_FILE)
    await journal.start()
    await journal.open(opening("0123456789abcdef", opened_at=1_790_000_000.0))
    journal.close(outcome("0123456789abcdef"))
    await journal.open(
        opening("01234567feedbeef", opened_at=1_790_000_060.0, content=b'{"model": "glm-4"}')
    )
    estimated = outcome(
        "01234567feedbeef",
        kind="upstream_broken",
        usage=Usage(7, None, "estimate", "evenhand"),
        error="cut\x1b[2J off",
        content="会下雨".encode(),
    )
    journal.close(estimated)
    await journal.open(
        opening("ffff", opened_at=1_790_000_120.0, profile=None, decoding=b"{}", stream=True)
    )
    await journal.stop()
    return folder


def evenhand(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "evenhand_proxy", "audit", *arguments, "--data-dir", str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TZ": "UTC"},
    )


def document(*arguments: str, data_dir: Path) -> Any:
    """Run the command with `--json` and give its one document."""
    done = evenhand(*arguments, "--json", data_dir=data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def cells(table: str) -> list[str]:
    """Give a printed table's lines with the frame reduced to bars."""
    lines = table.replace("┃", "│").splitlines()
    return ["|".join(cell.strip() for cell in line.split("│")) for line in lines]


def test_list_prints_a_row_for_each_request(data_dir: Path) -> None:
    """The table has times, unambiguous short ids, outcomes, marked estimates and change counts."""
    done = evenhand("list", data_dir=data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    rows = cells(done.stdout)
    assert rows[0] == "time|id|model|route|outcome|status|tokens|seconds|changes"
    assert rows[2:] == [
        "09-21 14:15:20|ffff|glm-4|chat/completions|unknown_outcome||||0",
        "09-21 14:14:20|01234567f|glm-4@greedy|chat/completions|upstream_broken|200|~7/-|1.250|1",
        "09-21 14:13:20|012345678|glm-4@greedy|chat/completions|completed|200|11/22|1.250|1",
    ]


def test_list_json_has_the_documented_shape(data_dir: Path) -> None:
    """Every key is there in each request, null where there is nothing."""
    requests = document("list", data_dir=data_dir)["requests"]
    assert [request["id"] for request in requests] == [
        *("ffff", "01234567feedbeef", "0123456789abcdef")
    ]
    assert requests[2] == {
        "id": "0123456789abcdef",
        "opened_at": "2026-09-21T14:13:20.000+00:00",
        "route": "/v1/chat/completions",
        "model": "glm-4",
        "profile": "greedy",
        "engine": "sglang",
        "upstream_model": "THUDM/GLM-4-9B-0414",
        "server": {"address": "127.0.0.1", "port": 30000},
        "stream": False,
        "fingerprint": "ab" * 32,
        "key_name": None,
        "client_request_id": None,
        "traceparent": None,
        "outcome": {
            "kind": "completed",
            "closed_at": "2026-09-21T14:13:21.500+00:00",
            "status": 200,
            "duration": 1.25,
            "first_byte": 0.2,
            "usage": {
                "prompt_tokens": 11,
                "completion_tokens": 22,
                "source": "engine",
                "encoding": None,
            },
            "finish_reasons": ["stop"],
            "response_id": "chatcmpl-1",
            "response_model": "THUDM/GLM-4-9B-0414",
            "bytes_out": 512,
            "error": None,
        },
        "changes": 1,
    }
    assert requests[0]["outcome"]["duration"] is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--limit", "1"], ["ffff"]),
        (["--model", "glm-4@greedy", "--limit", "1"], ["01234567feedbeef"]),
        (["--outcome", "completed"], ["0123456789abcdef"]),
        (["--outcome", "open"], []),
        (["--since", "2026-09-21T14:15:00+00:00"], ["ffff"]),
        (["--since", "2026-09-21T14:14:20"], ["ffff", "01234567feedbeef"]),
        (["--since", "36500d"], ["ffff", "01234567feedbeef", "0123456789abcdef"]),
        (["--since", "1s"], []),
    ],
)
def test_list_options_filter(data_dir: Path, arguments: list[str], expected: list[str]) -> None:
    """Each option narrows the list."""
    requests = document("list", *arguments, data_dir=data_dir)["requests"]
    assert [request["id"] for request in requests] == expected


def test_show_prints_the_record(data_dir: Path) -> None:
    """Header lines, the table, then the reasons; zero, null and absent look different."""
    done = evenhand("show", "01234567f", data_dir=data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    head, table, reasons = done.stdout.split("\n\n")
    facts = dict(line.split("  ", 1) for line in head.splitlines())
    facts = {name: value.strip() for name, value in facts.items()}
    assert facts["request"] == "01234567feedbeef"
    assert facts["model"] == "glm-4@greedy"
    assert facts["engine"] == "sglang at 127.0.0.1:30000, model THUDM/GLM-4-9B-0414"
    assert facts["outcome"].startswith("upstream_broken, HTTP 200, 1.250 s")
    assert facts["tokens"] == "~7/-"
    assert facts["error"] == "cut\\x1b[2J off"
    assert facts["content"] == "stored, see --json"
    assert cells(table)[2:] == [
        "temperature|0|0|1.0|engine-rewrite|passed|modelled",
        "seed|null|||engine|dropped|",
        "top_p|||0.95|model|defaulted|",
    ]
    assert reasons == "temperature: SGLang samples greedily by top_k 1 at temperature 1\n"


def test_show_json_carries_the_explain_object_for_each_attempt(data_dir: Path) -> None:
    """`attempts` holds the decoding as stored, and stored contents stand beside it."""
    shown = document("show", "01234567feedbeef", data_dir=data_dir)
    assert shown["attempts"] == [{"attempt": 1, "decoding": DECODING}]
    assert shown["content"] == {"request": '{"model": "glm-4"}', "answer": "会下雨"}
    assert shown["outcome"]["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": None,
        "source": "estimate",
        "encoding": "evenhand",
    }
    assert "content" not in document("show", "0123456789", data_dir=data_dir)


def test_show_latest_is_the_newest(data_dir: Path) -> None:
    """`latest` is the request that was opened last; one without parameters prints too."""
    assert document("show", "latest", data_dir=data_dir)["id"] == "ffff"
    done = evenhand("show", "latest", data_dir=data_dir)
    assert done.returncode == 0
    assert "/v1/chat/completions (stream)" in done.stdout
    assert "\noutcome      unknown_outcome\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "0123"], "several requests begin with '0123'"),
        (["show", "nothing"], "no request 'nothing'"),
        (["list", "--since", "yesterday"], "'yesterday' is no point in time"),
        (["list", "--outcome", "fine"], "'fine' is not one of"),
        (["list", "--limit", "0"], "0 is not in the range"),
    ],
)
def test_wrong_use_exits_2_and_says_why(data_dir: Path, arguments: list[str], message: str) -> None:
    """Errors go to standard error, nothing to standard output, and the exit code is 2."""
    done = evenhand(*arguments, data_dir=data_dir)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_without_a_journal_the_error_names_the_fix(tmp_path: Path) -> None:
    """A data directory that no proxy used yet is wrong use, not an empty list."""
    done = evenhand("list", data_dir=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "evenhand serve" in done.stderr


@pytest.fixture(scope="module")
async def events_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data directory whose journal has an event of each kind."""
    folder = tmp_path_factory.mktemp("events")
    journal = Journal(folder / JOURNAL_FILE)
    await journal.start()
    seen = {"engine": {"name": "sglang", "version": "0.5.20", "weights": "GLM-4"}, "facts": {}}
    changed = {
        "engine": {"name": "sglang", "version": "0.5.23", "weights": "GLM-4\x1b[2J"},
        "was": seen["engine"],
        "changes": {
            "version": {"old": "0.5.20", "new": "0.5.23"},
            "model_defaults.top_k": {"old": 50, "new": None},
        },
    }
    journal.note(Event(1_790_000_000.0, "engine_seen", seen, "glm-4"))
    journal.note(Event(1_790_000_060.0, "engine_changed", changed, "glm-4"))
    journal.note(Event(1_790_000_120.0, "policy_loaded", {"digest": "ab" * 32, "rules": 3}))
    journal.note(Event(1_790_000_180.0, "policy_refused", {"reason": "line 4\x1b[2J"}))
    await journal.stop()
    return folder


def test_events_prints_what_happened(events_dir: Path) -> None:
    """One line for each event, with old and new of what changed; nothing steers the terminal."""
    done = evenhand("events", data_dir=events_dir)
    assert (done.returncode, done.stderr) == (0, "")
    rows = cells(done.stdout)
    changed = "version 0.5.20 -> 0.5.23; model_defaults.top_k 50 -> null"
    assert rows[0] == "time|event|model|what"
    assert rows[2:] == [
        "2026-09-21 14:16:20|policy_refused||reason line 4\\x1b[2J",
        f"2026-09-21 14:15:20|policy_loaded||digest {'ab' * 18}a..., rules 3",
        f"2026-09-21 14:14:20|engine_changed|glm-4|{changed}",
        "2026-09-21 14:13:20|engine_seen|glm-4|sglang 0.5.20 GLM-4",
    ]


def test_events_json_has_the_documented_shape(events_dir: Path) -> None:
    """Time, kind, model and the whole document; model is null where there is none."""
    events = document("events", data_dir=events_dir)["events"]
    assert [event["kind"] for event in events] == [
        *("policy_refused", "policy_loaded", "engine_changed", "engine_seen")
    ]
    assert events[0] == {
        "at": "2026-09-21T14:16:20.000+00:00",
        "kind": "policy_refused",
        "model": None,
        "document": {"reason": "line 4\x1b[2J"},
    }
    assert events[2]["document"]["changes"]["version"] == {"old": "0.5.20", "new": "0.5.23"}


def test_events_are_chosen_by_model_kind_time_and_number(events_dir: Path) -> None:
    """The options of the list, and the kind of event."""

    def found(*options: str) -> list[str]:
        chosen = document("events", *options, data_dir=events_dir)["events"]
        return [event["kind"] for event in chosen]

    assert found("--model", "glm-4") == ["engine_changed", "engine_seen"]
    assert found("--kind", "policy_loaded") == ["policy_loaded"]
    assert found("--since", "2026-09-21T14:15:00+00:00") == ["policy_refused", "policy_loaded"]
    assert found("--limit", "1") == ["policy_refused"]
