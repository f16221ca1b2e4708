"""Loading `evenhand.yaml` into the frozen tree, with errors that name key, line and fix.

The loader walks the YAML nodes beside the dataclasses of `config`: their field names are the only
schema there is. `${NAME}` in any text is replaced from the environment, `${NAME:-text}` with a
fallback, before it is read.
"""

import math
import os
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import yaml

from evenhand_proxy.config import Config, Model, Secret
from evenhand_proxy.decoding import PROFILES, DecodingError, canonical, nearest
from evenhand_proxy.decoding.introspection import FLAGS
from evenhand_proxy.errors import ConfigError
from evenhand_proxy.upstream.hosted import provider_of

T = TypeVar("T")
_SCALARS: dict[type, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
}
MOST_PORT = 65535
_ROUTES = ("/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/models")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def load(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Load and check a config file.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or has a key or value that cannot be
            used; the message names file, line, key, reason and fix.

    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; name an existing file") from error
    return loads(text, str(path), os.environ if environment is None else environment)


def loads(text: str, name: str, environment: Mapping[str, str]) -> Config:
    """Load a config from text; `name` stands for the file in errors."""
    config = read_tree(text, name, environment, Config)
    _check_references(config, name)
    return config


def read_tree(
    text: str, name: str, environment: Mapping[str, str], kind: type[T], what: str = "the config"
) -> T:
    """Read YAML into a tree of frozen dataclasses, whose fields are its schema.

    `what` it is, for errors.

    Raises:
        ConfigError: it is no YAML, or a key or value has no place in the tree.

    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: is not valid YAML: {error}") from error
    return _Reader(name, environment, what).tree(node, kind, "") if node is not None else kind()


def _check_references(config: Config, name: str) -> None:
    if not config.models:
        raise ConfigError(f"{name}: models: is empty; add a model with engine and base_url")
    for key in (*config.models, *config.profiles):
        if "@" in key:
            raise ConfigError(f"{name}: {key!r}: '@' parts model and profile; take another name")
    for key, model in config.models.items():
        _check_address(f"{name}: models.{key}.base_url", model.base_url)
        _check_flags(f"{name}: models.{key}.flags", model)
        _check_way(f"{name}: models.{key}", model)
    _check_profiles(config, name)
    _check_keys(config, name)
    _check_numbers(config, name)


def _check_address(where: str, address: str) -> None:
    """Check an engine's address; a password in it would come out in logs."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigError(f"{where}: the port is no number; write it as http://HOST:PORT") from None
    route = next((each for each in _ROUTES if parts.path.rstrip("/").endswith(each)), None)
    if route is not None:
        raise ConfigError(
            f"{where}: ends in a route, {route}; leave it out, clients name the route themselves"
        )
    if parts.username or parts.password:
        raise ConfigError(f"{where}: holds a user or password; put the secret into api_key")
    if not usable:
        raise ConfigError(f"{where}: {address!r} is no address; write it as http://HOST:PORT")


def _check_flags(where: str, model: Model) -> None:
    """Check that each flag is one that is read; a mistyped one would change nothing in silence."""
    known = FLAGS.get(model.engine, ())
    for flag in model.flags:
        if flag not in known:
            hint = nearest(flag, known) if known else f"{model.engine} has none; leave it out"
            raise ConfigError(f"{where}.{flag}: is no flag that bears on an answer; {hint}")


def _check_way(where: str, model: Model) -> None:
    """Check how a model is reached: some providers only through litellm, and that only some."""
    if model.via == "http":
        if model.engine == "anthropic":
            raise ConfigError(
                f"{where}.via: Anthropic does not speak OpenAI's protocol; write via: litellm"
            )
        return
    try:
        name, provider, _ = provider_of(model.upstream_model or "")
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None
    if model.engine not in provider.engines:
        fitting = " or ".join(provider.engines)
        raise ConfigError(
            f"{where}.engine: {model.engine} is not what litellm calls {name}; write {fitting}"
        )
    if provider.needs_key and model.api_key is None:
        raise ConfigError(f"{where}.api_key: {name} cannot be called without one; add it")
    for item in ("generation_config", "flags", "transformers"):
        if getattr(model, item):
            raise ConfigError(
                f"{where}.{item}: tells of an engine that is called directly; leave it out with "
                "via: litellm"
            )


def _check_keys(config: Config, name: str) -> None:
    owners: dict[str, str] = {}
    for key, entry in config.keys.items():
        owner = owners.setdefault(entry.secret.text, key)
        if owner != key:
            raise ConfigError(
                f"{name}: keys.{key}.secret: is that of keys.{owner} too; give each its own"
            )


def _check_numbers(config: Config, name: str) -> None:
    """Check that durations and sizes are above zero and the port is one."""
    positive = {f"limits.{item}": value for item, value in asdict(config.limits).items()}
    for key, model in config.models.items():
        for item, value in asdict(model.timeouts).items():
            positive[f"models.{key}.timeouts.{item}"] = value
    for where, value in positive.items():
        if not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name}: {where}: {value} is not above 0; write a larger number")
    if not 0 <= config.listen.port <= MOST_PORT:
        raise ConfigError(
            f"{name}: listen.port: {config.listen.port} is no port; write 0 to {MOST_PORT}"
        )


def _check_profiles(config: Config, name: str) -> None:
    for profile, parameters in config.profiles.items():
        if profile in PROFILES:
            raise ConfigError(
                f"{name}: profiles.{profile}: ships with Evenhand and means the same everywhere; "
                "take another name"
            )
        try:
            canonical(parameters)
        except DecodingError as error:
            raise ConfigError(f"{name}: profiles.{profile}.{error}") from error
    known = [*PROFILES, *config.profiles]
    chosen_at = {f"models.{key}": model.profile for key, model in config.models.items()}
    chosen_at |= {f"keys.{key}": entry.profile for key, entry in config.keys.items()}
    for where, chosen in chosen_at.items():
        if chosen is not None and chosen not in known:
            hint = nearest(chosen, known)
            raise ConfigError(f"{name}: {where}.profile: there is no profile {chosen!r}; {hint}")


class _Reader:
    """Walks YAML nodes beside the types of the tree."""

    def __init__(self, name: str, environment: Mapping[str, str], what: str) -> None:
        self._name = name
        self._environment = environment
        self._what = what

    def _error(self, node: yaml.Node, key: str, message: str) -> ConfigError:
        line = node.start_mark.line + 1
        return ConfigError(f"{self._name}:{line}: {key or 'the file'}: {message}")

    def tree(self, node: yaml.Node, kind: type[T], key: str) -> T:
        """Read a mapping node into a dataclass of the tree."""
        hints = get_type_hints(kind)
        declared: dict[str, Field[Any]] = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
        values: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node, key):
            name = str(key_node.value)
            path = f"{key}.{name}" if key else name
            if name not in declared:
                hint = nearest(name, list(declared))
                raise self._error(key_node, path, f"is no key of {self._what}; {hint}")
            if name in values:
                raise self._error(key_node, path, "stands here twice; keep one of them")
            values[name] = self._value(value_node, hints[name], path)
        for name, item in declared.items():
            required = item.default is MISSING and item.default_factory is MISSING
            if required and name not in values:
                raise self._error(node, key, f"lacks {name}; add it")
        return kind(**values)

    def _pairs(self, node: yaml.Node, key: str) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, key, "must be a mapping of keys to values")
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        return pairs

    def _value(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if isinstance(kind, type) and is_dataclass(kind) and kind is not Secret:
            return self.tree(node, kind, key)
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
                return None
            return self._value(node, next(a for a in get_args(kind) if a is not type(None)), key)
        if origin is Mapping:
            return self._mapping(node, get_args(kind)[1], key)
        if origin is tuple:
            return self._list(node, get_args(kind)[0], key)
        return self._scalar(node, kind, key)

    def _mapping(self, node: yaml.Node, kind: Any, key: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node, key):
            name = str(key_node.value)
            if name in values:
                raise self._error(key_node, f"{key}.{name}", "stands here twice; keep one of them")
            values[name] = self._value(value_node, kind, f"{key}.{name}")
        return values

    def _list(self, node: yaml.Node, kind: Any, key: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, key, "must be a list; write it as [one, two]")
        return tuple(
            self._value(item, kind, f"{key}.{_called(item, place)}")
            for place, item in enumerate(node.value)
        )

    def _scalar(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if kind is Any:
            return self._plain(node, key)
        text = self._text(node, key)
        if kind in (str, Secret, Path):
            return kind(text)
        if get_origin(kind) is Literal:
            if text in get_args(kind):
                return text
            hint = nearest(text, list(get_args(kind)))
            raise self._error(node, key, f"{text!r} is not one of its values; {hint}")
        return self._number_or_switch(node, text, kind, key)

    def _plain(self, node: yaml.Node, key: str) -> Any:
        """Give a node without a schema as plain data, variables replaced."""
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, key) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, Any, key)
        if isinstance(node, yaml.ScalarNode) and "${" in node.value:
            text = self._text(node, key)
            return yaml.safe_load(text) if node.style is None else text
        return yaml.SafeLoader("").construct_document(node)

    def _number_or_switch(self, node: yaml.Node, text: str, kind: type, key: str) -> Any:
        value = yaml.safe_load(text)
        wanted, types_ = _SCALARS[kind]
        if not isinstance(value, types_) or isinstance(value, bool) != (kind is bool):
            raise self._error(node, key, f"{text!r} is not {wanted}; write {wanted}")
        return kind(value)

    def _text(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, key, "must be a single value")
        text = self._substitute(node, key)
        if not text:
            raise self._error(node, key, "is empty; give it a value or leave the key out")
        return text

    def _substitute(self, node: yaml.ScalarNode, key: str) -> str:
        def replace(match: re.Match[str]) -> str:
            value = self._environment.get(match[1], match[2])
            if value is None:
                fix = f"set it, or write ${{{match[1]}:-text}}"
                raise self._error(node, key, f"the environment has no {match[1]}; {fix}")
            return value

        return _VARIABLE.sub(replace, node.value)


def _called(node: yaml.Node, place: int) -> str:
    """Give what an item of a list is called: by its own name, else by its place from 0."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "name" and isinstance(value, yaml.ScalarNode):
            return str(value.value)
    return str(place)
