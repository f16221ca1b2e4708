"""The files of a served checkpoint that bear on decoding, read where they lie; never fetched."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand_proxy.decoding.generation_config import LEGACY_CONFIG_READERS, READS
from evenhand_proxy.decoding.introspection import Checkpoint
from evenhand_proxy.decoding.told import kind

GENERATION_CONFIG = "generation_config.json"
MOST_BYTES = 8 * 1024 * 1024
"""A larger file is none of ours: tokenizer_config.json, the largest of them, has about 200 KB."""

_UNREADABLE = (OSError, ValueError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """What was read. `generation_config` is empty if there is no such file, None if unknown."""

    generation_config: Mapping[str, Any] | None = None
    template: str | None = None
    warning: str | None = None


def read_checkpoint(engine: str, where: Checkpoint, given: Path | None) -> CheckpointFiles:
    """Read what the engine read, as far as it lies on this machine. Blocking.

    `given` is a generation_config.json that the config names, which counts more than what is
    found. A file that cannot be read is a warning and counts as not known.
    """
    folder = find_folder(where.model, where.revision)
    template = _template(folder, where.chat_template)
    origin = Path(where.generation_config) if where.generation_config else folder
    try:
        if given is not None:
            return CheckpointFiles(_object(given), template)
        if origin is None or not origin.is_dir():
            return CheckpointFiles(None, template)
        if (origin / GENERATION_CONFIG).is_file():
            return CheckpointFiles(_object(origin / GENERATION_CONFIG), template)
        return CheckpointFiles(None if _legacy(engine, origin) else {}, template)
    except _UNREADABLE as error:
        warning = f"{given or GENERATION_CONFIG} cannot be read: {error}"
        return CheckpointFiles(None, template, warning)


def find_folder(model: str | None, revision: str | None = None) -> Path | None:
    """Give the folder of a model that is named by its path or by its name on the hub."""
    if model is None:
        return None
    if Path(model).is_dir():
        return Path(model)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model):
        return None
    cached = _hub_cache() / f"models--{model.replace('/', '--')}"
    try:
        commit = (cached / "refs" / (revision or "main")).read_text("utf-8").strip()
    except (OSError, ValueError):
        commit = revision or ""
    found = cached / "snapshots" / commit
    return found if commit and found.is_dir() else None


def _hub_cache() -> Path:
    """Give the hub's cache folder, found as huggingface_hub's constants.py finds it."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface" / "hub"


def _object(file: Path) -> Mapping[str, Any]:
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    document = json.loads(file.read_text("utf-8"))
    if not isinstance(document, dict):
        raise TypeError(f"it holds no object but {kind(document)}")
    return document


def _legacy(engine: str, folder: Path) -> bool:
    """Say whether config.json sets generation keys that this engine reads from there."""
    if engine not in LEGACY_CONFIG_READERS or not (folder / "config.json").is_file():
        return False
    keys = {key for row in READS[engine] for key in (*row.keys, *row.maybe)}
    return not keys.isdisjoint(_object(folder / "config.json"))


def _template(folder: Path | None, override: str | None) -> str | None:
    """Give the chat template's text, None where it is not known."""
    try:
        if override is not None:
            return Path(override).read_text("utf-8") if Path(override).is_file() else None
        if folder is None:
            return None
        if (folder / "chat_template.jinja").is_file():
            return (folder / "chat_template.jinja").read_text("utf-8")
        found = _object(folder / "tokenizer_config.json").get("chat_template")
    except _UNREADABLE:
        return None
    named = found if isinstance(found, list) else []
    for entry in named:
        if isinstance(entry, dict) and entry.get("name") == "default":
            found = entry.get("template")
    return found if isinstance(found, str) else None
