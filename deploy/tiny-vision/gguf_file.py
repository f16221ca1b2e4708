"""Write a GGUF file, version 3, with nothing but numpy (ggml's docs/gguf.md is the format)."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Value = bool | int | float | str | Sequence[int] | Sequence[float] | Sequence[str]

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_TYPES = {"float32": 0, "float16": 1}


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _scalar(value: bool | int | float | str) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return UINT32, struct.pack("<I", value)
    if isinstance(value, float):
        return FLOAT32, struct.pack("<f", value)
    return STRING, _string(value)


def _value(value: Value) -> bytes:
    if isinstance(value, bool | int | float | str):
        kind, data = _scalar(value)
        return struct.pack("<I", kind) + data
    items = [_scalar(item) for item in value]
    # llama.cpp wants its integer arrays signed; none of ours is negative
    kind = INT32 if items[0][0] == UINT32 else items[0][0]
    return struct.pack("<IIQ", ARRAY, kind, len(items)) + b"".join(data for _, data in items)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def write(path: Path, facts: Mapping[str, Value], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write facts and tensors (float32 or float16, C order); a tensor's last axis comes first."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    keys = b"".join(_string(key) + _value(value) for key, value in facts.items())
    infos, blocks, place = [], [], 0
    for name, tensor in tensors.items():
        data = _padded(np.ascontiguousarray(tensor).tobytes())
        shape = struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        kind = struct.pack("<IQ", TENSOR_TYPES[tensor.dtype.name], place)
        infos.append(_string(name) + shape + kind)
        blocks.append(data)
        place += len(data)
    path.write_bytes(_padded(head + keys + b"".join(infos)) + b"".join(blocks))
