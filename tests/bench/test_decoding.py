"""What resolving the decoding parameters of one request costs, dialect by dialect."""

import sys
from time import process_time

import pytest

from evenhand_proxy.decoding import ENGINES, PROFILES, EngineFacts, Mode, PolicyRule, Resolver

LIMIT = 30.0
"""Microseconds of CPU that a typical chat request may cost."""

TYPICAL = "typical"
MESSAGES = [{"role": "user", "content": "What is 2 + 2?"}]
BODIES: dict[str, dict[str, object]] = {
    "nothing set": {},
    TYPICAL: {"temperature": 0.6, "top_p": 0.95, "max_tokens": 512},
    "ten set": {
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 40,
        "min_p": 0.02,
        "seed": 7,
        "max_tokens": 256,
        "stop": ["</s>", "\n\n"],
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "n": 1,
    },
}
RULES = (PolicyRule("short", "cap", "max_tokens", 256),)
PASSES, ROUNDS, CALLS = 6, 4, 200


def microseconds(engine: str, body: dict[str, object], mode: Mode, ruled: bool) -> float:
    """Give the CPU time of one call in the best of several rounds."""
    facts = EngineFacts(engine, model_defaults={"temperature": 0.8}, flags={"deterministic": False})
    resolver = Resolver(ENGINES[engine]["chat"], model="m", facts=facts, mode=mode)
    request = {"model": "m", "messages": MESSAGES, "stream": True, **body}
    profiles = [PROFILES["glm-4-0414"]] if ruled else []
    rules = RULES if ruled else ()
    best = float("inf")
    for _ in range(ROUNDS):
        began = process_time()
        for _ in range(CALLS):
            resolution = resolver.resolve(request, profiles=profiles, rules=rules)
            resolution.apply(request)
        best = min(best, (process_time() - began) / CALLS)
    return 1e6 * best


def row(name: str, costs: list[float]) -> str:
    """Give a line of the table."""
    return f"{name:28}" + "".join(f"{cost:14.1f}" for cost in costs)


@pytest.mark.bench
def test_cost_of_resolving(capsys: pytest.CaptureFixture[str]) -> None:
    """A typical chat request is resolved and edited within the limit, whatever the engine.

    A neighbour on the machine slows everything down for a while, so all are measured several times
    over, and the best of each counts.
    """
    cases: list[tuple[str, str, Mode, bool]] = [
        *((engine, engine, "report", False) for engine in ENGINES),
        ("sglang, pin", "sglang", "pin", False),
        ("sglang, profile and policy", "sglang", "report", True),
    ]
    best: dict[tuple[str, str], float] = {}
    for _ in range(PASSES):
        for name, engine, mode, ruled in cases:
            for size, body in BODIES.items():
                cost = microseconds(engine, body, mode, ruled)
                best[name, size] = min(cost, best.get((name, size), cost))
    lines = [f"\n{'CPU microseconds a request':28}" + "".join(f"{size:>14}" for size in BODIES)]
    lines += [row(name, [best[name, size] for size in BODIES]) for name, *_ in cases]
    with capsys.disabled():
        sys.stdout.write("\n".join(lines) + "\n")
    typical = {engine: best[engine, TYPICAL] for engine in ENGINES}
    assert {engine: cost for engine, cost in typical.items() if cost >= LIMIT} == {}
