"""The models and profiles that this proxy serves, and what a request's model name stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from evenhand_proxy.config import Config, Model
from evenhand_proxy.decoding import PROFILES, Profile, canonical, nearest, split_model
from evenhand_proxy.errors import ModelNotFound


@dataclass(frozen=True, slots=True)
class Served:
    """One model with what the hot path needs of its config, worked out once."""

    name: str
    model: Model
    api: str
    host: str
    port: int
    upstream_model: str
    headers: Mapping[str, str]

    def url(self, path: str) -> str:
        """Give the address of a route, such as `/chat/completions`."""
        return self.api + path


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
    ) -> tuple[Served, tuple[Profile, ...]]:
        """Give the model and the profiles that fill the request, the first before the second.

        The one that the request names (by the model's suffix, else by header), then the key's,
        then the model's.

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
        chosen = dict.fromkeys((suffix or header_profile, key_profile, served.model.profile))
        return served, tuple(self._profile(each) for each in chosen if each is not None)

    def _profile(self, name: str) -> Profile:
        profile = self.profiles.get(name)
        if profile is None:
            hint = nearest(name, list(self.profiles))
            raise ModelNotFound(
                f"model: there is no profile {name!r}; {hint}",
                param="model",
                code="profile_not_found",
            )
        return profile


def api_of(base_url: str) -> str:
    """Give where the API's routes begin: at the base URL, or below `/v1` where it names no version.

    >>> api_of("http://127.0.0.1:30000"), api_of("https://example.com/api/paas/v4/")
    ('http://127.0.0.1:30000/v1', 'https://example.com/api/paas/v4')
    """
    plain = base_url.rstrip("/")
    return plain if _VERSIONED.search(urlsplit(plain).path) else f"{plain}/v1"


_VERSIONED = re.compile(r"/v\d+\w*(/openai)?$")


def _served(name: str, model: Model) -> Served:
    api = api_of(model.base_url)
    parts = urlsplit(api)
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if model.api_key is not None:
        headers["authorization"] = f"Bearer {model.api_key.text}"
    return Served(
        name,
        model,
        api,
        parts.hostname or "",
        parts.port or (443 if parts.scheme == "https" else 80),
        model.upstream_model or name,
        headers,
    )
