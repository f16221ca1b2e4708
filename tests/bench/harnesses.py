"""Eval clients and readers of streams, each asking the same chats of the same endpoint.

Run as `python -m tests.bench.harnesses NAME PORT SAMPLES FOLDER`, with a Python that has the one
that is named; prints one JSON line. Each is asked for what a user would ask it for: one chat for
each sample, 64 at once, the answer searched for a word, every sample in the log. The data set is
made before the clock starts, and nothing but this file's imports is loaded before it. Those that
are no eval clients only read streams: they put the texts together and write nothing.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

CONCURRENCY = 64
MAX_TOKENS = 64
WORD, STREAMED_WORD = "kettle", "tea"
PROMPT = "You answer briefly and to the point. " * 25
MODEL = "bench"

Ready = Callable[[], Any]
"""Evaluates; everything before it is preparation."""


def prompts(samples: int) -> list[str]:
    """Give the chats: about 1 KB each."""
    return [f"{PROMPT}{number}: is there tea?" for number in range(samples)]


def evenhand(
    port: int, samples: int, folder: Path, *, cached: bool = False, stream: bool = False
) -> Ready:
    """Run a task of ours as the command line does."""
    from evenhand_evals.cli.run import run_async
    from evenhand_evals.run import run_task
    from evenhand_evals.settings import RunSettings
    from evenhand_evals.types import Completion, Dataset, Message, Sample, Score, Task

    items = tuple(
        Sample(f"item-{number}", (Message("user", prompt),), STREAMED_WORD if stream else WORD)
        for number, prompt in enumerate(prompts(samples))
    )

    def score(sample: Sample, completion: Completion) -> Score:
        right = sample.target in completion.text
        return Score("correct" if right else "wrong", float(right), {"accuracy": right})

    task = Task(
        name="bench",
        title="Find a word",
        headline="accuracy",
        version="1",
        load=lambda _: Dataset(items, "made here", None, "0" * 64, "Apache-2.0"),
        max_tokens=MAX_TOKENS,
        score=score,
    )
    settings = RunSettings(
        f"http://127.0.0.1:{port}/v1",
        MODEL,
        folder / "run",
        concurrency=CONCURRENCY,
        cache=folder / "cache" if cached else None,
        engine="sglang",
        stream=stream,
    )

    def evaluate() -> None:
        run = run_async(run_task(task, settings))
        assert run.result.outcomes["correct"] == samples, run.result.outcomes

    return evaluate


def evenhand_cached(port: int, samples: int, folder: Path) -> Ready:
    """Run a task of ours and keep every answer for later runs."""
    return evenhand(port, samples, folder, cached=True)


def evenhand_streamed(port: int, samples: int, folder: Path) -> Ready:
    """Run a task of ours that reads its answers as streams."""
    return evenhand(port, samples, folder, stream=True)


def openai_sdk(port: int, samples: int, folder: Path) -> Ready:
    """Read streams with OpenAI's own client."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)

    async def ask(prompt: str) -> str:
        messages: Any = [{"role": "user", "content": prompt}]
        stream = await client.chat.completions.create(
            model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
        )
        texts = [each.choices[0].delta.content or "" async for each in stream if each.choices]
        return "".join(texts)

    return reading(ask, prompts(samples))


def httpx_lines(port: int, samples: int, folder: Path) -> Ready:
    """Read streams as most programs do by hand: the lines that httpx gives, each parsed."""
    import httpx
    import orjson

    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", limits=limits)

    async def ask(prompt: str) -> str:
        texts = []
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        content, kind = orjson.dumps(body), {"content-type": "application/json"}
        async with client.stream("POST", "/chat/completions", content=content, headers=kind) as got:
            async for line in got.aiter_lines():
                if line.startswith("data: {"):
                    choices = orjson.loads(line[6:])["choices"]
                    texts.append(choices[0]["delta"].get("content") or "" if choices else "")
        return "".join(texts)

    return reading(ask, prompts(samples))


def reading(ask: Callable[[str], Awaitable[str]], asked: list[str]) -> Ready:
    """Ask everything on the fast event loop, as many at once as the others do."""
    import uvloop

    left = iter(asked)

    async def work() -> None:
        for prompt in left:
            assert STREAMED_WORD in await ask(prompt)

    async def everything() -> None:
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))

    return lambda: uvloop.run(everything())


def lm_eval(port: int, samples: int, folder: Path) -> Ready:
    """Run a task of lm-evaluation-harness on its `local-chat-completions`; no bootstrap."""
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker

    data = folder / "data.jsonl"
    lines = (json.dumps({"prompt": prompt, "word": WORD}) for prompt in prompts(samples))
    data.write_text("".join(f"{line}\n" for line in lines))
    task = {
        "task": "bench",
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"test": str(data)},
            "cache_dir": str(folder / "datasets"),
        },
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{word}}",
        "generation_kwargs": {"until": [], "max_gen_toks": MAX_TOKENS, "temperature": 0},
        "filter_list": [
            {"name": "word", "filter": [{"function": "regex", "regex_pattern": f"({WORD})"}]}
        ],
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    tracker = EvaluationTracker(output_path=str(folder / "out"))
    arguments = {
        "model": MODEL,
        "base_url": f"http://127.0.0.1:{port}/v1/chat/completions",
        "num_concurrent": CONCURRENCY,
        "tokenizer_backend": None,
    }

    def evaluate() -> None:
        found = simple_evaluate(
            "local-chat-completions",
            arguments,
            [task],
            apply_chat_template=True,
            bootstrap_iters=0,
            evaluation_tracker=tracker,
        )
        tracker.save_results_aggregated(results=found, samples=found["samples"])
        tracker.save_results_samples("bench", found["samples"]["bench"])
        value = found["results"]["bench"]["exact_match,word"]
        assert (value, len(found["samples"]["bench"])) == (1.0, samples), value

    return evaluate


def inspect(port: int, samples: int, folder: Path) -> Ready:
    """Run a task of inspect_ai on its provider for OpenAI-style endpoints, without a display."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate_task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import GenerateConfig, get_model
    from inspect_ai.scorer import includes
    from inspect_ai.solver import generate

    items = [Sample(input=prompt, target=WORD) for prompt in prompts(samples)]
    model = get_model(
        f"openai-api/local/{MODEL}",
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key="none",
        config=GenerateConfig(max_connections=CONCURRENCY, max_tokens=MAX_TOKENS, temperature=0),
    )
    task = Task(dataset=items, solver=generate(), scorer=includes())

    def evaluate() -> None:
        (log,) = evaluate_task(
            task, model=model, log_dir=str(folder), display="none", max_samples=CONCURRENCY
        )
        assert log.status == "success", log.error
        assert log.results is not None
        value = log.results.scores[0].metrics["accuracy"].value
        assert (value, log.results.completed_samples) == (1.0, samples), value

    return evaluate


CLIENTS: dict[str, Callable[[int, int, Path], Ready]] = {
    "evenhand": evenhand,
    "evenhand, answers kept": evenhand_cached,
    "evenhand, streamed": evenhand_streamed,
    "openai SDK": openai_sdk,
    "httpx, line by line": httpx_lines,
    "lm-evaluation-harness": lm_eval,
    "inspect_ai": inspect,
}


def cpu() -> float:
    """Give the CPU time of this process and of its children that have ended, in seconds."""
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def resident() -> int:
    """Give what the process holds in memory now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main(name: str, port: str, samples: str, folder: str) -> None:
    """Run one client once, and print what it took; memory in bytes, times in seconds."""
    evaluate = CLIENTS[name](int(port), int(samples), Path(folder))
    held, used, begun = resident(), cpu(), time.perf_counter()
    evaluate()
    figures = {
        "cpu": cpu() - used,
        "wall": time.perf_counter() - begun,
        "memory": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
