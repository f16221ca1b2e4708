"""The catalogue of local models, and what may stand after `--local`."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_proxy.engines.catalog import MODELS, is_present, known_model, place, resolve
from evenhand_proxy.errors import ConfigError, EngineError

TINY = MODELS["tiny-glm4"]


def test_the_shipped_model_is_the_pinned_file(tmp_path: Path) -> None:
    """The GGUF in the package has the size and digest that the catalogue says."""
    data = place(TINY, tmp_path).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (TINY.size_bytes, TINY.sha256)
    assert is_present(TINY, tmp_path)


def test_a_catalogue_name_resolves_to_its_checked_file(tmp_path: Path) -> None:
    """`--local tiny-glm4` needs no fetching."""
    found = resolve("tiny-glm4", tmp_path)
    assert (found.name, found.model, found.path) == ("tiny-glm4", TINY, place(TINY, tmp_path))


def test_a_path_resolves_to_itself(tmp_path: Path) -> None:
    """A user's own GGUF file is named by its stem and needs no digest."""
    own = tmp_path / "my-own.v2.gguf"
    shutil.copy(place(TINY, tmp_path), own)
    found = resolve(str(own), tmp_path)
    assert (found.name, found.model, found.path) == ("my-own.v2", None, own)


def test_a_model_that_is_not_fetched_says_how_to_fetch_it(tmp_path: Path) -> None:
    """The error names the model, the place where it would be, and the command."""
    with pytest.raises(EngineError, match=r"smollm2.*is not there; run `evenhand model get") as e:
        resolve("smollm2", tmp_path)
    assert str(tmp_path / "smollm2.gguf") in str(e.value)
    assert not is_present(MODELS["smollm2"], tmp_path)


def test_a_changed_catalogue_file_is_refused_with_both_digests(tmp_path: Path) -> None:
    """A truncated or exchanged download is never served under the catalogue's name."""
    content = b"GGUF but not the one"
    (tmp_path / "smollm2.gguf").write_bytes(content)
    with pytest.raises(EngineError) as caught:
        resolve("smollm2", tmp_path)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)
    assert MODELS["smollm2"].sha256 in str(caught.value)


def test_a_misspelt_name_is_wrong_use_and_gets_the_nearest(tmp_path: Path) -> None:
    """A word that is neither a name nor a path is the user's slip, not the engine's fault."""
    with pytest.raises(ConfigError, match=r"'smolm2'.*did you mean 'smollm2'"):
        resolve("smolm2", tmp_path)
    with pytest.raises(ConfigError, match=r"'xyzzy'.*a name or the path of a GGUF file"):
        resolve("xyzzy", tmp_path)
    with pytest.raises(ConfigError, match=r"'tiny-glm'.*did you mean 'tiny-glm4'"):
        known_model("tiny-glm")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error holds the path that was written."""
    missing = str(tmp_path / "missing.gguf")
    with pytest.raises(EngineError, match="there is no such file") as caught:
        resolve(missing, tmp_path)
    assert missing in str(caught.value)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    """A folder, as Hugging Face checkpoints are, is refused with the reason."""
    with pytest.raises(EngineError, match="cannot be read: Is a directory"):
        resolve(str(tmp_path), tmp_path)


@given(head=st.binary(max_size=24) | st.binary(max_size=20).map(lambda tail: b"GGUF" + tail))
def test_only_a_gguf_header_is_let_through(head: bytes) -> None:
    """Any other bytes give an EngineError that names the file, whatever they are."""
    good = head[:4] == b"GGUF" and head[4:8] in (b"\x02\0\0\0", b"\x03\0\0\0")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.gguf"
        path.write_bytes(head)
        if good:
            assert resolve(str(path), Path(folder)).path == path
        else:
            with pytest.raises(EngineError, match=r"some\.gguf"):
                resolve(str(path), Path(folder))
