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
ALSO: tuple[tuple[Mode, bool], ...] = (("pin", False), ("report", True))
ROUNDS, CALLS = 9, 400


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
    """A typical chat request is resolved and edited within the limit, whatever the engine."""
    lines = [f"\n{'CPU microseconds a request':28}" + "".join(f"{name:>14}" for name in BODIES)]
    typical = {}
    for engine in ENGINES:
        costs = [microseconds(engine, body, "report", ruled=False) for body in BODIES.values()]
        typical[engine] = costs[list(BODIES).index(TYPICAL)]
        lines.append(row(engine, costs))
    for mode, ruled in ALSO:
        name = f"sglang, {'profile and policy' if ruled else mode}"
        lines.append(
            row(name, [microseconds("sglang", body, mode, ruled) for body in BODIES.values()])
        )
    with capsys.disabled():
        sys.stdout.write("\n".join(lines) + "\n")
    assert {engine: cost for engine, cost in typical.items() if cost >= LIMIT} == {}
