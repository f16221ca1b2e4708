"""Openings and outcomes for the tests of what is written from them."""

import json
from typing import Any

from evenhand_proxy.exchange import Opening, Outcome, Usage

DECODING = {
    "model": "glm-4",
    "engine": "sglang",
    "fingerprint": "ab" * 32,
    "mode": "report",
    "parameters": {
        "temperature": {
            "requested": 0,
            "resolved": 0,
            "sent": 0,
            "effective": 1.0,
            "source": "engine-rewrite",
            "action": "passed",
            "evidence": "modelled",
            "reason": "SGLang samples greedily by top_k 1 at temperature 1",
        },
        "seed": {"requested": None, "source": "engine", "action": "dropped"},
        "top_p": {"effective": 0.95, "source": "model", "action": "defaulted"},
    },
    "changes": [{"parameter": "seed", "action": "dropped", "old": None, "reason": "null is unset"}],
}


def opening(request_id: str = "req-1", **changes: Any) -> Opening:
    """Give an opening of a greedy chat request, some fields changed."""
    values: dict[str, Any] = {
        "request_id": request_id,
        "opened_at": 1_790_000_000.25,
        "route": "/v1/chat/completions",
        "model": "glm-4",
        "engine": "sglang",
        "upstream_model": "THUDM/GLM-4-9B-0414",
        "server_address": "127.0.0.1",
        "server_port": 30000,
        "stream": False,
        "fingerprint": "ab" * 32,
        "decoding": json.dumps(DECODING).encode(),
        "sent_parameters": {"temperature": 0, "seed": 0},
        "profile": "greedy",
    }
    return Opening(**{**values, **changes})


def outcome(request_id: str = "req-1", **changes: Any) -> Outcome:
    """Give the outcome of a request that went well, some fields changed."""
    values: dict[str, Any] = {
        "request_id": request_id,
        "closed_at": 1_790_000_001.5,
        "kind": "completed",
        "status": 200,
        "duration": 1.25,
        "first_byte": 0.2,
        "usage": Usage(11, 22, "engine"),
        "finish_reasons": ("stop",),
        "response_id": "chatcmpl-1",
        "response_model": "THUDM/GLM-4-9B-0414",
        "bytes_out": 512,
    }
    return Outcome(**{**values, **changes})
