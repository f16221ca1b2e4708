"""Where data is found: a file, a folder, EVENHAND_DATA, or a hub over HTTP."""

import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from evenhand_evals.errors import DataError
from evenhand_evals.tasks import gsm8k, humaneval, mbpp, mt_bench, perplexity
from evenhand_evals.tasks.ifeval import ORIGIN, TASK
from evenhand_evals.tasks.sources import download, find, find_shipped
from evenhand_evals.types import DataSource

BODY = (
    b'{"key": 1, "prompt": "Say hi.", "instruction_id_list": ["punctuation:no_comma"], '
    b'"kwargs": [{"num_words": null}]}\n'
)
FILE_PATH = f"/datasets/google/IFEval/resolve/{ORIGIN.revision}/ifeval_input_data.jsonl"


class Hub(BaseHTTPRequestHandler):
    """A model hub with one data set, which it serves after a redirect, as the real one does."""

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path == FILE_PATH:
            self.send_response(302)
            self.send_header("Location", "/blob")
        elif self.path == "/blob":
            self.send_response(200)
        else:
            self.send_response(404)
        body = BODY if self.path == "/blob" else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub on loopback, named by HF_ENDPOINT."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HF_ENDPOINT", address + "/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield address
        server.shutdown()
        thread.join()


def test_download_by_name(hub: str) -> None:
    """A data set's name downloads it at the pinned revision, and its digest is recorded."""
    dataset = TASK.load(DataSource(path=Path("google/IFEval")))
    assert [sample.messages[0].content for sample in dataset.samples] == ["Say hi."]
    assert dataset.source == hub + FILE_PATH
    assert dataset.revision == ORIGIN.revision
    assert dataset.sha256 == hashlib.sha256(BODY).hexdigest()


def test_another_file_than_the_published_one(hub: str) -> None:
    """A download whose digest is known is taken only if it has that digest."""
    digest = hashlib.sha256(BODY).hexdigest()
    assert download(replace(ORIGIN, sha256=digest)).data == BODY
    with pytest.raises(
        DataError, match=f"gave a file with the SHA-256 {digest}, and the published"
    ):
        download(replace(ORIGIN, sha256="0" * 64))


def test_pinned_digests_are_those_of_the_published_files() -> None:
    """What is pinned is what the files at hand have."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set")
    pinned = [gsm8k.ORIGIN, humaneval.ORIGIN, mbpp.ORIGIN, perplexity.ORIGIN]
    for origin in (*pinned, mt_bench.QUESTIONS, mt_bench.PROMPTS, mt_bench.REFERENCES):
        data = (Path(root) / origin.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == origin.sha256, origin.file


def test_hub_without_the_file(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that does not have the file is named with its answer and the way around it."""
    monkeypatch.setenv("HF_ENDPOINT", hub + "/mirror")
    with pytest.raises(DataError, match=r"GET .*/mirror/datasets/.*.*'404 Not Found'.*--data FILE"):
        TASK.load(DataSource(path=Path("google/IFEval")))


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection says what was tried and how to do without."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(DataError, match=r"google/IFEval .* ConnectError.*set HF_ENDPOINT"):
            TASK.load(DataSource(path=Path("google/IFEval")))


def test_file_folder_and_root(tmp_path: Path) -> None:
    """A file, the folder that holds it and EVENHAND_DATA's folder give the same bytes."""
    file = tmp_path / "ifeval" / "input_data.jsonl"
    file.parent.mkdir()
    file.write_bytes(BODY)
    sources = (
        DataSource(path=file),
        DataSource(path=file.parent),
        DataSource(root=tmp_path),
        DataSource(path=file, root=tmp_path / "nowhere"),
    )
    assert {(find(source, ORIGIN).data, find(source, ORIGIN).source) for source in sources} == {
        (BODY, str(file))
    }


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (DataSource(), "set EVENHAND_DATA to a folder that holds ifeval/input_data.jsonl"),
        (DataSource(root=Path("nowhere")), "EVENHAND_DATA has no nowhere/ifeval/input_data.jsonl"),
        (DataSource(path=Path("google/IFEvil")), "IFEvil: no such file or data set"),
        (DataSource(path=Path(__file__).parent), "the folder holds no input_data.jsonl"),
    ],
)
def test_missing_data_is_explained(source: DataSource, reason: str) -> None:
    """Where no data is found, the error says what was looked for and how to provide it."""
    with pytest.raises(DataError, match=reason):
        TASK.load(source)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no items"),
        (b"\n[1]", "line 2: a list where an object belongs"),
        (b"{", "line 1: not JSON"),
        (b"\xff\xfe", "line 1: not UTF-8"),
    ],
)
def test_damaged_files_are_explained(tmp_path: Path, content: bytes, reason: str) -> None:
    """A file that is not JSON lines is an error that names the line."""
    file = tmp_path / "data.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        TASK.load(DataSource(path=file))


def test_shipped_sets_can_be_replaced(tmp_path: Path) -> None:
    """Our own sets are found without a path, a user's file in the same form with one."""
    ours = find_shipped(DataSource(), "instructions.jsonl")
    assert ours.source == "evenhand:instructions.jsonl"
    file = tmp_path / "mine.jsonl"
    file.write_bytes(BODY)
    assert find_shipped(DataSource(path=file), "instructions.jsonl").data == BODY
    with pytest.raises(DataError, match="leave it out"):
        find_shipped(DataSource(path=tmp_path / "none"), "instructions.jsonl")
