"""The decoding fingerprint: one digest for everything that decides how an answer is drawn."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical(value: Any) -> Any:
    """Give equal values one form: 1 for 1.0, 0 for -0.0; containers likewise, keys as text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return value


def fingerprint(effective: Mapping[str, Any], model: str, engine: Mapping[str, Any]) -> str:
    """Digest the effective parameters, the model and the engine's identity.

    SHA-256 over UTF-8 JSON with sorted keys and no spaces; returned as 64 hexadecimal digits.
    """
    document = {"effective": canonical(effective), "engine": canonical(engine), "model": model}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
