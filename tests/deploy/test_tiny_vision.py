"""The tiny model that sees: its weights as the card states them, and what is made of them."""

import hashlib
import importlib.util
import json
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HOME = Path(__file__).parents[2] / "deploy/tiny-vision"
WEIGHTS = HOME / "checkpoint/weights.npz"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """The script, loaded from its file: the folder is no package."""
    sys.path.insert(0, str(HOME))
    try:
        spec = importlib.util.spec_from_file_location("tiny_vision_make", HOME / "make.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(HOME))
    return module


def test_the_card_states_the_weights() -> None:
    """Size and digest are the file's, and it stays below a megabyte."""
    data = WEIGHTS.read_bytes()
    card = (HOME / "README.md").read_text("utf-8")
    assert f"{len(data)} bytes, SHA-256 `{hashlib.sha256(data).hexdigest()}`" in card
    assert len(data) < 1_000_000


def test_eight_bits_keep_a_weight_within_half_a_step(make: ModuleType, tmp_path: Path) -> None:
    """Matrices come back within half of their row's step, vectors as they were."""
    drawn = np.random.default_rng(1)
    kernel = drawn.normal(size=(4, 3, 2, 5, 5)).astype(np.float32)
    vector = drawn.normal(size=7).astype(np.float32)
    make.pack({"kernel": kernel, "vector": vector}, tmp_path / "w.npz")
    back = make.unpack(tmp_path / "w.npz")
    steps = np.abs(kernel).reshape(4, -1).max(1) / 127
    assert (np.abs(back["kernel"] - kernel).reshape(4, -1).max(1) <= steps * 0.51).all()
    assert (back["vector"] == vector).all()


def test_the_made_files_hold_every_weight(make: ModuleType, tmp_path: Path) -> None:
    """All parameters are in the checkpoint and in the two GGUF files together."""
    subprocess.run([sys.executable, HOME / "make.py", tmp_path], check=True)
    weights = make.unpack(WEIGHTS)
    count = sum(tensor.size for tensor in weights.values())
    data = (tmp_path / "hf/model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + length])
    assert set(head) == set(weights)
    assert len(data) == 8 + length + 2 * count
    for name, entry in head.items():
        begin, end = (8 + length + each for each in entry["data_offsets"])
        bits = np.frombuffer(data[begin:end], "<u2").astype(np.uint32) << 16
        read = bits.view(np.float32).reshape(entry["shape"])
        assert np.allclose(read, weights[name], rtol=2**-8, atol=0)
    parts = [*make.text_tensors(weights).values(), *make.vision_tensors(weights).values()]
    assert sum(tensor.size for tensor in parts) == count
    for name in ("tiny-vision.gguf", "tiny-vision.mmproj.gguf"):
        assert (tmp_path / name).read_bytes()[:8] == b"GGUF\x03\x00\x00\x00"


def test_the_checkpoint_takes_the_pictures_of_the_tasks_as_they_are() -> None:
    """Scenes are whole squares; the template in the checkpoint is the one beside the scripts."""
    config = json.loads((HOME / "checkpoint/config.json").read_text())
    processor = json.loads((HOME / "checkpoint/preprocessor_config.json").read_text())
    vision = config["vision_config"]
    square = vision["patch_size"] * vision["spatial_merge_size"]
    assert (processor["patch_size"], processor["merge_size"]) == (20, 2)
    assert (320 % square, 240 % square) == (0, 0)
    copies = [HOME / "chat_template.jinja", HOME / "checkpoint/chat_template.jinja"]
    assert len({copy.read_text() for copy in copies}) == 1
