"""What an engine told about itself, as far as it bears on decoding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The served engine's identity and the defaults that it brings along.

    engine: `sglang`, `vllm`, `llamacpp`, `openai`.
    version, weights: as the engine reports them; None where it does not.
    flags: server settings that a rule may need (`Need.flag`); a missing flag is unknown.
    model_defaults: canonical parameters from the model's generation_config.json; None while that
        file is not known, an empty mapping if it is known to set nothing.
    limits: canonical parameters to the most that this server takes.
    reported_defaults: canonical parameters that the engine itself says it uses when omitted.
    """

    engine: str
    version: str | None = None
    weights: str | None = None
    flags: Mapping[str, bool] = field(default_factory=dict)
    model_defaults: Mapping[str, Any] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    reported_defaults: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """Give what tells this engine from another: its name, version, weights and flags."""
        known = {
            "name": self.engine,
            "version": self.version,
            "weights": self.weights,
            "flags": dict(self.flags) or None,
        }
        return {key: value for key, value in known.items() if value is not None}
