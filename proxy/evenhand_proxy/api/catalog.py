"""The models and profiles that this proxy serves, and what a request's model name stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from evenhand_proxy.config import Config, Model
from evenhand_proxy.decoding import PROFILES, Profile, canonical, nearest, split_model
from evenhand_proxy.engines.introspect import root_of
from evenhand_proxy.errors import ModelNotFound


@dataclass(frozen=True, slots=True)
class Served:
    """One model with what the hot path needs of its config, worked out once."""

    name: str
    model: Model
    root: str
    host: str
    port: int
    upstream_model: str
    headers: Mapping[str, str]


class Catalog:
    """Finds the served model and the profile for a request."""

    def __init__(self, config: Config) -> None:
        self.models = {name: _served(name, model) for name, model in config.models.items()}
        own = {
            name: Profile(name, canonical(parameters), "the config file")
            for name, parameters in config.profiles.items()
        }
        self.profiles: Mapping[str, Profile] = {**PROFILES, **own}

    def find(
        self, name: str, header_profile: str | None, key_profile: str | None
    ) -> tuple[Served, Profile | None]:
        """Give the model and the profile: the name's suffix, the header, the key's, the model's.

        Raises:
            ModelNotFound: no such model or profile; the message names the nearest.

        """
        served = self.models.get(name)
        suffix = None
        if served is None:
            plain, suffix = split_model(name)
            served = self.models.get(plain)
            if served is None:
                hint = nearest(plain, list(self.models))
                raise ModelNotFound(f"model: there is no model {plain!r}; {hint}", param="model")
        chosen = suffix or header_profile or key_profile or served.model.profile
        if chosen is None:
            return served, None
        profile = self.profiles.get(chosen)
        if profile is None:
            hint = nearest(chosen, list(self.profiles))
            raise ModelNotFound(
                f"model: there is no profile {chosen!r}; {hint}",
                param="model",
                code="profile_not_found",
            )
        return served, profile


def _served(name: str, model: Model) -> Served:
    root = root_of(model.base_url)
    parts = urlsplit(root)
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if model.api_key is not None:
        headers["authorization"] = f"Bearer {model.api_key.text}"
    return Served(
        name,
        model,
        root,
        parts.hostname or "",
        parts.port or (443 if parts.scheme == "https" else 80),
        model.upstream_model or name,
        headers,
    )
