"""What an engine makes of a checkpoint's generation_config.json.

The same file has different effects: engines read different keys of it, and the transformers
library through which they read it fills in its own defaults (version 4) or does not (version 5).
Both tables are here as data, each row with its source; what depends on something that nobody
told is given as uncertain, not guessed.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

LIBRARY_DEFAULTS: Final[Mapping[str, Any]] = {
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
}
"""transformers' own values of keys that engines read (generation/configuration_utils.py L602-646).

Version 4 sets them on every config that it loads, version 5 leaves what the file lacks unset.
"""

UNFILLED: Final = 5
"""The first major version of transformers that leaves unset what a file does not set."""

DIFFERS_FROM_OFF: Final = "top_k"
"""The one of them that is not the same as switched off, so that having it or not matters."""

LEAST_SERVED_TOKENS: Final = 1024
"""transformers serve lifts a smaller max_new_tokens to this (5.23.0 cli/serving/utils.py L1155)."""

LEGACY_CONFIG_READERS: Final = frozenset(("vllm",))
"""Engines that take generation keys of config.json where there is no generation_config.json
(vllm 0.33.0 transformers_utils/config.py try_get_generation_config)."""

_FIVE = {key: key for key in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")}
_VLLM = {**_FIVE, "max_new_tokens": "max_tokens"}
_PENALTIES = {key: key for key in ("presence_penalty", "frequency_penalty")}

Release = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """Which keys of the file an engine reads, from one release up to before another.

    keys: key of the file to canonical parameter. `maybe`: keys of which it is not known at which
    release within the span they began to be read.
    """

    keys: Mapping[str, str]
    source: str
    since: Release = (0,)
    before: Release | None = None
    maybe: Mapping[str, str] = field(default_factory=dict)


READS: Final[Mapping[str, tuple[Reads, ...]]] = {
    "sglang": (
        Reads({}, "sglang 0.5.3: has no --sampling-defaults", before=(0, 5, 4)),
        Reads(_FIVE, "sglang 0.5.23 srt/configs/model_config.py L2210-2240", since=(0, 5, 4)),
    ),
    "vllm": (
        Reads(
            _VLLM, "vllm 0.8.5 and 0.11.0 vllm/config: no penalty but repetition", before=(0, 12)
        ),
        Reads(
            _VLLM,
            "between vllm 0.11.0, which reads no other penalties, and 0.32.0, which does",
            since=(0, 12),
            before=(0, 32),
            maybe=_PENALTIES,
        ),
        Reads(
            {**_VLLM, **_PENALTIES},
            "vllm 0.33.0 vllm/config/model.py L1825-1916 (0.32.0 the same, L1847-1902)",
            since=(0, 32),
        ),
    ),
    "transformers": (
        Reads(
            {
                **_FIVE,
                "do_sample": "do_sample",
                "typical_p": "typical_p",
                "max_new_tokens": "max_tokens",
            },
            "transformers 5.23.0 cli/serving/utils.py L1155-1190",
        ),
    ),
    "tgi": (Reads({}, "TGI db931fcf flash_causal_lm.py L1240: end tokens only"),),
    "llamacpp": (Reads({}, "llama.cpp common/common.cpp L1118-1176: GGUF metadata instead"),),
    "ollama": (Reads({}, "ollama fb307609: the Modelfile instead"),),
}
"""Engine to what it reads, by release; an engine that is not here is not known to read anything."""


@dataclass(frozen=True, slots=True)
class Pin:
    """The transformers that comes with an engine's releases; `version` may be a major number."""

    version: str
    source: str
    since: Release
    before: Release | None = None


PINS: Final[Mapping[str, tuple[Pin, ...]]] = {
    "sglang": (
        Pin("4.57.1", "pinned by sglang 0.5.4 to 0.5.9", (0, 5, 4), (0, 5, 10)),
        Pin(
            "5",
            "pinned: 5.3.0 by sglang 0.5.10, 5.6.0 by 0.5.12, 5.12.1 by 0.5.20, 5.19.0 by 0.5.23",
            (0, 5, 10),
        ),
    ),
    "vllm": (
        Pin("4", "vllm 0.14.0 and 0.18.0 require transformers<5", (0, 14), (0, 18, 1)),
        Pin("5", "required: >=5.5.3 by vllm 0.25.0, >=5.16.1 by 0.32.0 and 0.33.0", (0, 25)),
    ),
}
"""Engine to the transformers of its releases. In the gaps (vLLM up to 0.13, 0.19 to 0.24) the
packages allow both version 4 and version 5, so nobody knows but whoever installed them."""


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """What the file sets. `values` is None while the file is not known.

    caps: canonical parameters to the value that a larger one is cut to without a word.
    uncertain: canonical parameters that may be set, but cannot be told; not in `values`.
    notes: canonical parameters to why their value is not what the file says.
    """

    values: Mapping[str, Any] | None = None
    caps: Mapping[str, float] = field(default_factory=dict)
    uncertain: frozenset[str] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)


def release(version: str | None) -> Release | None:
    """Give the numbers of a version, None for one that tells nothing (`0.0.0.dev1`, `main`).

    >>> release("0.5.9.post1+cu130")
    (0, 5, 9)
    """
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", version or "")
    numbers = tuple(int(part) for part in found[1].split(".")) if found else ()
    return numbers if any(numbers) else None


def transformers_of(engine: str, version: str | None) -> str | None:
    """Give the transformers version that a release of an engine comes with, None if several may."""
    numbers = release(version)
    for pin in PINS.get(engine, ()):
        if numbers is not None and _within(numbers, pin.since, pin.before):
            return pin.version
    return None


def model_defaults(
    engine: str,
    document: Mapping[str, Any] | None,
    *,
    version: str | None = None,
    transformers: str | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ModelDefaults:
    """Give the defaults that a checkpoint's generation_config.json sets at an engine.

    Args:
        engine: as in `EngineFacts`.
        document: the parsed file; an empty mapping if there is no such file, None if that is not
            known. Values that are neither numbers nor switches count as missing.
        version: the engine's.
        transformers: the library's version or major number; that of `PINS` if left out.
        flags: the server's settings: `sampling_defaults` (SGLang), `generation_config` and
            `override_generation_config` (vLLM).

    """
    rows = READS.get(engine)
    if rows is None:
        return ModelDefaults()
    given = flags or {}
    reads = _row(rows, version)
    if not reads.keys or given.get("sampling_defaults") == "openai":
        return ModelDefaults({})
    library = transformers or transformers_of(engine, version)
    return _REPLAYS[engine](_Case(document, reads, library, given))


@dataclass(frozen=True, slots=True)
class _Case:
    document: Mapping[str, Any] | None
    reads: Reads
    transformers: str | None
    flags: Mapping[str, Any]

    @property
    def major(self) -> int | None:
        numbers = release(self.transformers)
        return numbers[0] if numbers else None

    def read(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Give the usable values of a document by canonical name."""
        keys = {**self.reads.keys, **self.reads.maybe}
        return {name: document[key] for key, name in keys.items() if _fits(document.get(key), name)}


def _fits(value: Any, name: str) -> bool:
    if isinstance(value, bool) or name == "do_sample":
        return isinstance(value, bool) and name == "do_sample"
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _row(rows: tuple[Reads, ...], version: str | None) -> Reads:
    """Give the row of a release; the newest for a version that tells nothing."""
    numbers = release(version)
    if numbers is None:
        return rows[-1]
    return next((row for row in rows if _within(numbers, row.since, row.before)), rows[-1])


def _within(numbers: Release, since: Release, before: Release | None) -> bool:
    return numbers >= since and (before is None or numbers < before)


def _sglang(case: _Case) -> ModelDefaults:
    """Replay ModelConfig.get_default_sampling_params: GenerationConfig.to_dict(), five keys.

    Without a file nothing is loaded, so that transformers 4 has nothing to fill in.
    """
    if case.document is None:
        return ModelDefaults()
    values = case.read(case.document)
    if not case.document or DIFFERS_FROM_OFF in case.document:
        return ModelDefaults(values)
    if case.major is None:
        return ModelDefaults(values, uncertain=frozenset((DIFFERS_FROM_OFF,)))
    if case.major >= UNFILLED:
        return ModelDefaults(values)
    values[DIFFERS_FROM_OFF] = LIBRARY_DEFAULTS[DIFFERS_FROM_OFF]
    note = f"the file sets none, but transformers {case.transformers} adds its own default"
    return ModelDefaults(values, notes={DIFFERS_FROM_OFF: note})


def _vllm(case: _Case) -> ModelDefaults:
    """Replay ModelConfig.get_diff_sampling_param and the caps of the OpenAI routes.

    A max_new_tokens from a folder or an override cuts what a client asks for; from the
    checkpoint's own file it is only a default (vllm 0.32.0 chat_completion/serving.py L177-181).
    """
    origin = case.flags.get("generation_config", "auto")
    override = case.flags.get("override_generation_config")
    overriding = case.read(override) if isinstance(override, Mapping) else {}
    source = {} if origin == "vllm" else case.document
    if source is None and not overriding:
        return ModelDefaults()
    known, uncertain, notes = _without_library_defaults(case, source)
    values = {**known, **overriding}
    possible = set(case.reads.maybe.values())
    uncertain = (uncertain - overriding.keys()) | (possible & values.keys())
    folder = origin not in ("auto", "vllm")
    return ModelDefaults(
        {name: value for name, value in values.items() if name not in uncertain},
        caps=_caps(values if folder else overriding),
        uncertain=frozenset(uncertain),
        notes={name: note for name, note in notes.items() if name not in overriding},
    )


def _without_library_defaults(
    case: _Case, document: Mapping[str, Any] | None
) -> tuple[dict[str, Any], set[str], dict[str, str]]:
    """Replay GenerationConfig.to_diff_dict(): give values, uncertain names and notes.

    Under transformers 4 it drops what equals the library's default; of those only top_k 50 is
    not the same as off.
    """
    if document is None:
        return {}, {*case.reads.keys.values(), *case.reads.maybe.values()}, {}
    values = case.read(document)
    newer = case.major is not None and case.major >= UNFILLED
    if newer or values.get(DIFFERS_FROM_OFF) != LIBRARY_DEFAULTS[DIFFERS_FROM_OFF]:
        return values, set(), {}
    said = values.pop(DIFFERS_FROM_OFF)
    if case.major is None:
        return values, {DIFFERS_FROM_OFF}, {}
    note = f"the file says {said}, which transformers {case.transformers} drops as its own default"
    return values, set(), {DIFFERS_FROM_OFF: note}


def _caps(values: Mapping[str, Any]) -> dict[str, float]:
    return {"max_tokens": values["max_tokens"]} if "max_tokens" in values else {}


def _served_by_transformers(case: _Case) -> ModelDefaults:
    if case.document is None:
        return ModelDefaults()
    values = case.read(case.document)
    if values.get("max_tokens", LEAST_SERVED_TOKENS) >= LEAST_SERVED_TOKENS:
        return ModelDefaults(values)
    values["max_tokens"] = LEAST_SERVED_TOKENS
    note = f"transformers serve lifts a smaller max_new_tokens to {LEAST_SERVED_TOKENS}"
    return ModelDefaults(values, notes={"max_tokens": note})


_REPLAYS: Final[Mapping[str, Callable[[_Case], ModelDefaults]]] = {
    "sglang": _sglang,
    "vllm": _vllm,
    "transformers": _served_by_transformers,
}
