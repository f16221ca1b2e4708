"""What `evenhand config check` looks at beyond the config itself: the files that it names."""

import json
from pathlib import Path

from evenhand_proxy.config import Config
from evenhand_proxy.decoding.told import kind
from evenhand_proxy.engines.attestation import refusal_of
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.policy_file import load_policy


def check_files(config: Config, name: str) -> None:
    """Check that each file that a config names can be used; no engine is asked.

    Raises:
        ConfigError: one cannot; the message names the config's key, the file and the reason.

    """
    if config.policy is not None:
        try:
            load_policy(config.policy)
        except ConfigError as error:
            raise ConfigError(f"{name}: policy: {error}") from error
    for model, entry in config.models.items():
        if entry.generation_config is not None:
            _object(entry.generation_config, f"{name}: models.{model}.generation_config")
        if entry.attestation is not None:
            where = f"{name}: models.{model}.attestation"
            refusal = refusal_of(_object(entry.attestation, where), entry.attestation)
            if refusal is not None:
                raise ConfigError(f"{where}: {refusal}")


def _object(file: Path, where: str) -> dict[str, object]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except OSError as error:
        fix = "name an existing file"
        raise ConfigError(f"{where}: {file} cannot be read: {error.strerror}; {fix}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: {file} is no JSON: {error}; make it anew") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: {file} holds no object but {kind(document)}; make it anew")
    return document
