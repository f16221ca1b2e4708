"""What resolving the decoding parameters of one request costs, engine by engine."""

import sys
from time import perf_counter

import pytest

from evenhand_proxy.decoding import DIALECTS, PROFILES, EngineFacts, resolve

BODIES: dict[str, dict[str, object]] = {
    "nothing set": {},
    "two set": {"temperature": 0.6, "top_p": 0.95},
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
ROUNDS, CALLS = 7, 300


def microseconds(engine: str, body: dict[str, object]) -> tuple[float, int]:
    """Give the best of several rounds for one call, and how many parameters the record has."""
    dialect, facts = DIALECTS[engine]["chat"], EngineFacts(engine, model_defaults={})
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(CALLS):
            found = resolve(body, dialect, model="m", facts=facts, profile=PROFILES["greedy"])
        best = min(best, (perf_counter() - began) / CALLS)
    return 1e6 * best, len(found.record.parameters)


@pytest.mark.bench
def test_cost_of_resolving(capsys: pytest.CaptureFixture[str]) -> None:
    """Each engine's dialect resolves each body into a record; the time is printed, not judged."""
    lines = [f"\n{'resolve, us a call':20}" + "".join(f"{name:>14}" for name in BODIES)]
    for engine in DIALECTS:
        results = [microseconds(engine, body) for body in BODIES.values()]
        assert all(parameters > 0 for _, parameters in results)
        lines.append(f"{engine:20}" + "".join(f"{cost:14.1f}" for cost, _ in results))
    with capsys.disabled():
        sys.stdout.write("\n".join(lines) + "\n")
