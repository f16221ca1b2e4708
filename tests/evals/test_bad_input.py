"""Bad input, as a hostile user gives it: one clear error, and no request is wasted."""

import asyncio
import gzip
import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from evenhand_evals.errors import EvalError
from evenhand_evals.tasks import TASKS
from evenhand_evals.types import DataSource
from tests.evals.fake import Fake, Reply, serving
from tests.evals.test_cli import invoke, shell

LINES_OF_OTHERS = b'{"unheard_of": 1}\n{"unheard_of": 2}\n'


def _archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "nothing of use")
    return stream.getvalue()


FILES: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b"\n \n\n",
    "binary": bytes(range(256)) * 4,
    "zeros": b"\0" * 64,
    "utf-16": '{"question": "a", "text": "b"}\n'.encode("utf-16"),
    "latin-1": '{"question": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}\n'.encode("latin-1"),
    "other-columns": LINES_OF_OTHERS,
    "broken-line": b'{"text": "x"}\n{"text": \n',
    "list": b"[1, 2]\n",
    "null": b"null\n",
    "number": b"9" * 4400,
    "half-a-character": b'{"text": "\\ud800"}\n',
    "deep": b"[" * 20_000,
    "table": b"a,b,c\n1,2,3\n",
    "long-row": b"a,b\n1,2,3\n",
    "torn-table": b'Question,a\n"x\n',
    "yaml": b"name: x\nitems: [1]\n",
    "gzip": gzip.compress(LINES_OF_OTHERS),
    "torn-gzip": gzip.compress(LINES_OF_OTHERS)[:-12],
    "broken-gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 40,
    "torn-zip": _archive()[:-9],
    "archive": _archive(),
}
TEXTS = frozenset(FILES) - {
    *("empty", "blank", "binary", "utf-16", "latin-1"),
    *("gzip", "torn-gzip", "broken-gzip", "torn-zip", "archive"),
}
"""What is a text as well as any other, to a task that takes any."""
LONG_TEXTS = frozenset(("number", "deep"))
FIXES = re.compile(r"\b(add|choose|fetch|give|leave|name|put|save|take|write)\b")
SMALL = {"lengths": "600", "samples": "1", "questions": "1", "depths": "0", "repeats": "1"}


@pytest.fixture(scope="module", name="places")
def _places(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Every bad file, an empty folder, and a name of nothing."""
    folder = tmp_path_factory.mktemp("bad")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    return {name: folder / name for name in (*FILES, "folder", "nothing-there")}


def refusal(name: str, path: Path) -> str:
    """Give the one line with which a task refuses its data, before any endpoint is known."""
    options = {key: SMALL[key] for key in TASKS[name].options if key in SMALL}
    if "baseline" in TASKS[name].options:
        options["baseline"] = str(path)
    with pytest.raises(EvalError) as caught:
        TASKS[name].load(DataSource(path, options=options))
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_task_takes_what_is_not_its_data(places: Mapping[str, Path], name: str) -> None:
    """Each refusal is one line, names the file, and says what to do."""
    taken = LONG_TEXTS if "haystack" in TASKS[name].options else frozenset[str]()
    for kind, path in places.items():
        if kind in (TEXTS if name == "perplexity" else taken):
            continue
        message = refusal(name, path)
        assert "\n" not in message, (kind, message)
        assert kind in message, (kind, message)
        assert len(message) < 600, (kind, message)
        assert FIXES.search(message), (kind, message)


def lines(path: Path, *rows: object) -> Path:
    """Write rows as JSON lines; a text is written as it is."""
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


JUDGED = {
    "question_id": 1,
    "category": "数学计算",
    "subcategory": "初等数学",
    "question": "q",
    "reference": "r",
}
GOOD = {"language": "en", "situation": "s", "labels": ["yes", "no"], "label": "yes"}
OWN = """
name: sums
data: sums.jsonl
prompt: "{q}"
target: a
"""


async def said(fake: Fake, *words: str, apart: bool = False) -> tuple[int, str]:
    """Run a command that must fail before it asks for an answer; give exit code and its words.

    It runs in a process of its own if `apart`.
    """
    if apart:
        code, stdout, stderr = await shell(*words)
    else:
        ended = await asyncio.to_thread(invoke, *words)
        assert isinstance(ended.exception, SystemExit), (words, ended.exception)
        code, stdout, stderr = ended.exit_code, ended.stdout, ended.stderr
    assert stdout == ""
    assert "Traceback" not in stderr
    assert fake.bodies == [], "a request was wasted"
    return code, stderr


APART = frozenset(("a missing column", "a broken line", "an empty set", "a typo", "another model"))
"""Cases that run as a user runs them, in a process of their own."""


def wrong_run(folder: Path) -> Mapping[str, tuple[list[str], int, str]]:
    """Give what is wrong, the words after `run`, the exit code and what must be said."""
    (folder / "empty").touch()
    (folder / "file").write_text("x")
    (folder / "held").mkdir()
    (folder / "held" / "manifest.json").write_text("{}")
    own = folder / "own.yaml"
    own.write_text(OWN)
    lines(folder / "sums.jsonl", {"q": "1 + 1", "a": "2"}, {"q": "2 + 2"})
    bad = folder / "bad.yaml"
    bad.write_text(OWN + "metrik: exact\n")
    column = str(
        lines(folder / "column", {"question": "a", "answer": "#### 1"}, {"answer": "#### 1"})
    )
    broken = str(lines(folder / "broken", {"question": "a", "answer": "#### 1"}, '{"question": '))
    return {
        "a missing column": (
            ["gsm8k", "--data", column],
            2,
            "column, line 2: the field 'question'",
        ),
        "a broken line": (["gsm8k", "--data", broken], 2, "broken, line 2: not JSON"),
        "an empty set": (["gsm8k", "--data", str(folder / "empty")], 2, "empty holds no items"),
        "a folder": (["gsm8k", "--data", str(folder)], 2, "the folder holds no test.jsonl"),
        "no such file": (["gsm8k", "--data", "none.jsonl"], 2, "none.jsonl: no such file"),
        "a typo": (["gsm9k"], 2, "there is no task 'gsm9k'; did you mean 'gsm8k'?"),
        "another model": (["labels", "--model", "tinny"], 3, "has no model 'tinny'; did you mean"),
        "an option": (["labels", "--set", "temprature=1"], 2, "temperature"),
        "no value": (["labels", "--set", "temperature=warm"], 2, "temperature"),
        "a task's option": (["needle", "--task-set", "length=9"], 2, "did you mean 'lengths'"),
        "a seed": (["labels", "--seed", "9" * 30], 2, "'--seed'"),
        "a time that is none": (["labels", "--timeout", "nan"], 2, "'nan' is not a finite number"),
        "a time without end": (["labels", "--timeout", "inf"], 2, "'inf' is not a finite number"),
        "a limit of none": (["labels", "--limit", "0"], 2, "'--limit'"),
        "no number": (["labels", "--concurrency", "many"], 2, "'many' is neither a positive"),
        "a concurrency of none": (["labels", "--concurrency", "0"], 2, "neither a positive number"),
        "a mode": (["labels", "--mode", "loud"], 2, "'loud' is not one of 'pin'"),
        "an engine": (["labels", "--engine", "vlm"], 2, "did you mean 'vllm'"),
        "a profile": (["labels", "--profile", "gredy"], 2, "did you mean 'greedy'"),
        "a held folder": (["labels", "--out", str(folder / "held")], 2, "already holds a run"),
        "a damaged run": (["labels", "--out", str(folder / "held"), "--resume"], 2, "be read"),
        "a file as folder": (["labels", "--out", str(folder / "file")], 2, "is a file"),
        "below a file": (
            ["labels", "--out", str(folder / "file" / "x")],
            2,
            "file is no folder that you may write into",
        ),
        "no judge": (["alignbench"], 2, "alignbench needs a judge; name one with --judge-url"),
        "own: a missing column": ([str(own)], 2, "sums.jsonl, line 2: the field 'a' is missing"),
        "own: a key": ([str(bad)], 2, "bad.yaml:6: metrik: is no key of"),
        "own: no file": ([str(folder / "none.yaml")], 2, "none.yaml: cannot be read"),
    }


async def test_run_refuses_before_it_asks(tmp_path: Path) -> None:
    """One error each, exit code 2 or 3, and not one request for an answer."""
    async with serving(Fake()) as fake:
        for what, (words, code, message) in wrong_run(tmp_path).items():
            named = words if "--model" in words else [*words, "--model", "tiny"]
            named = named if "--out" in words else [*named, "--out", str(tmp_path / "out")]
            given, text = await said(
                fake, "run", *named, "--base-url", fake.url, apart=what in APART
            )
            assert given == code, (what, text)
            assert message in " ".join(text.split()), (what, text)
            assert len(text.strip().splitlines()) <= 8, (what, text)
            assert not (tmp_path / "out").exists(), what


async def test_endpoints_and_judges_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is found before the first request, the judge's before the model is asked."""
    monkeypatch.setenv("WRONG_KEY", "sk-wrong-key-of-somebody")
    monkeypatch.setenv("EVENHAND_CACHE", str(tmp_path / "cache"))
    judged = lines(tmp_path / "judged.jsonl", JUDGED)
    run = ["run", "labels", "--model", "tiny", "--out", str(tmp_path / "out")]
    judge = ["run", "alignbench", "--data", str(judged), *run[2:], "--judge-model"]
    closed = "http://127.0.0.1:9/v1"
    async with serving(Fake()) as fake, serving(Fake()) as guarded:
        guarded.models_status = 401
        locked = ["--api-key-env", "WRONG_KEY"]
        cases = {
            "down": ([*run, "--base-url", closed], "127.0.0.1:9/v1 cannot be reached"),
            "a key": ([*run, "--base-url", guarded.url, *locked], "refuses the key"),
            "judge down": (
                [*judge, "tiny", "--base-url", fake.url, "--judge-url", closed],
                "start the server, or correct --judge-url",
            ),
            "a path": (
                [*run, "--base-url", f"{fake.url[:-1]}2"],
                "--base-url: the first request was answered with HTTP 404",
            ),
            "judge's model": (
                [*judge, "tinny", "--base-url", fake.url, "--judge-url", fake.url],
                f"--judge-model: {fake.url} has no model 'tinny'; did you mean 'tiny'",
            ),
            "judge's key": (
                [*judge, "tiny", "--base-url", fake.url, "--judge-url", guarded.url],
                "name its variable with --judge-api-key-env",
            ),
        }
        for what, (words, message) in cases.items():
            code, text = await said(fake, *words)
            assert (code, guarded.bodies) == (3, []), (what, text)
            assert message in text, (what, text)
            assert "sk-wrong-key" not in text
            assert len(text.strip().splitlines()) == 1, (what, text)
        monkeypatch.setenv("EVENHAND_CACHE", str(judged / "below"))
        code, text = await said(fake, *run, "--base-url", fake.url)
        assert code == 2
        assert "name another folder with EVENHAND_CACHE, or give --no-cache" in text


async def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    """It is an error like any other; the superuser may read everything."""
    path = lines(tmp_path / "secret.jsonl", GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "secret.jsonl: cannot be read: Permission denied" in refusal("labels", path)


SUITE = "title: s\nmodels:\n  - base_url: {url}\n    model: tiny\ntasks: [labels]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml:1: the file is empty"),
        ("tasks: [", "s.yaml:1: is not valid YAML: expected the node content"),
        ("- labels\n", "s.yaml:1: the file: must be a mapping"),
        ("{good}taks: [a]\n", "s.yaml:6: taks: is no key of a suite; did you mean 'tasks'"),
        ("{good}tasks: [a]\n", "s.yaml:6: tasks: stands here twice"),
        ("{good}repeats: many\n", "s.yaml:6: repeats: 'many' is not a whole number"),
        ("{good}sampling: {{limit: 0}}\n", "s.yaml:6: sampling.limit: 0 is below 1"),
        ("{other}", "s.yaml:5: tasks.0: there is no task 'lables'; did you mean 'labels'"),
    ],
)
async def test_suites(tmp_path: Path, text: str, message: str) -> None:
    """A mistake in a suite's file names line and key, and nothing is asked."""
    async with serving(Fake()) as fake:
        good = SUITE.format(url=fake.url)
        path = tmp_path / "s.yaml"
        path.write_text(text.format(good=good, other=good.replace("labels", "lables")))
        code, told = await said(fake, "suite", str(path), "--out", str(tmp_path / "out"))
        assert code == 2
        assert message in told
        assert not (tmp_path / "out").exists()


async def test_rescore_and_compare(tmp_path: Path) -> None:
    """What is no run, a damaged log, another data set: said in one line each."""
    data = lines(tmp_path / "own.jsonl", {"q": "1 + 1", "a": "2"})
    (tmp_path / "own.yaml").write_text(OWN.replace("sums.jsonl", "own.jsonl"))
    run, task = str(tmp_path / "run"), str(tmp_path / "own.yaml")
    async with serving(Fake(lambda _body, _times: Reply("2"))) as fake:
        words = ["--base-url", fake.url, "--model", "tiny", "--no-cache", "--out", run]
        assert (await shell("run", task, *words))[0] == 0
        fake.bodies.clear()
        lines(data, {"q": "1 + 1", "a": "3"})
        cases: list[tuple[list[str], str]] = [
            (["rescore", str(tmp_path)], "is not a run: it holds no manifest.json"),
            (["rescore", run], "--task: RUN is of a task of your own, 'sums'"),
            (["rescore", run, "--task", "labels"], "is of 'sums', not of 'labels'"),
            (["rescore", run, "--task", task], "is not what the run was made with"),
            (["compare", run, str(tmp_path / "no")], "is not a run: it holds no manifest.json"),
            (["compare", run], "Missing argument"),
        ]
        for arguments, message in cases:
            code, told = await said(fake, *arguments)
            assert code == 2, told
            assert message in told, told
        (tmp_path / "run" / "samples.jsonl").write_text("{\n")
        code, told = await said(fake, "compare", run, run)
        assert (code, "samples.jsonl, line 1: " in told) == (2, True)
