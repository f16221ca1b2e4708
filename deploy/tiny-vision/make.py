"""Write the tiny vision model as engines read it, out of `checkpoint/` and its eight-bit weights.

    python deploy/tiny-vision/make.py DIRECTORY

Into DIRECTORY come `tiny-vision.gguf` and `tiny-vision.mmproj.gguf`, for llama.cpp, and `hf`, a
Hugging Face checkpoint, for vLLM, SGLang and transformers. Needs numpy and nothing else.

Names of keys and tensors in GGUF are those of llama.cpp's converter for `qwen2_vl`
(gguf-py/gguf/constants.py and tensor_mapping.py).
"""

import argparse
import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf_file
import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
CHECKPOINT = HERE / "checkpoint"
WEIGHTS = "weights.npz"
SCALE = "/scale"
PRE_TOKENIZER = "smollm"  # llama.cpp's name for: digits one by one, then GPT-2's pattern
NORMAL, CONTROL = 1, 3  # llama.cpp's include/llama.h: llama_token_type

Tensors = dict[str, NDArray[Any]]

TEXT = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
IN_TEXT_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
VISION = {"merger.ln_q": "v.post_ln", "merger.mlp.0": "mm.0", "merger.mlp.2": "mm.2"}
IN_VISION_LAYER = {
    "norm1": "ln1",
    "norm2": "ln2",
    "attn.proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}


def pack(tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write matrices with eight bits a weight and one scale a row, vectors as they are."""
    packed = {}
    for name, tensor in tensors.items():
        values = tensor.astype(np.float32)
        if values.ndim == 1:
            packed[name] = values
            continue
        rows = values.reshape(len(values), -1)
        scale = np.abs(rows).max(1, keepdims=True) / 127 + 1e-12
        packed[name] = np.round(rows / scale).astype(np.int8).reshape(values.shape)
        packed[name + SCALE] = scale[:, 0].astype(np.float32)
    np.savez_compressed(path, **packed)  # type: ignore[arg-type] # names are arrays' alone


def unpack(path: Path) -> Tensors:
    """Read what `pack` wrote, as float32."""
    with np.load(path) as packed:
        arrays = {name: packed[name] for name in packed.files}
    return {
        name: array.astype(np.float32)
        if array.ndim == 1
        else array * arrays[name + SCALE].reshape(-1, *[1] * (array.ndim - 1))
        for name, array in arrays.items()
        if not name.endswith(SCALE)
    }


def read_json(name: str) -> Any:
    """Read one JSON document of the checkpoint."""
    return json.loads((CHECKPOINT / name).read_text(encoding="utf-8"))


def write_hf(tensors: Tensors, folder: Path) -> None:
    """Write the checkpoint: its files as they are, and the weights in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in CHECKPOINT.iterdir():
        if file.name != WEIGHTS:
            shutil.copy(file, folder / file.name)
    head, blocks, place = {}, [], 0
    for name, tensor in tensors.items():
        bits = np.ascontiguousarray(tensor, np.float32).view(np.uint32)
        data = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
        offsets = [place, place + len(data)]
        head[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": offsets}
        blocks.append(data)
        place += len(data)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    whole = struct.pack("<Q", len(text)) + text + b"".join(blocks)
    (folder / "model.safetensors").write_bytes(whole)


def _stored(tensor: NDArray[Any]) -> NDArray[Any]:
    return tensor.astype(np.float32 if tensor.ndim == 1 else np.float16)


def text_facts(config: Mapping[str, Any], generation: Mapping[str, Any]) -> dict[str, Any]:
    """Give what llama.cpp reads of the language model: sizes, defaults, vocabulary, template."""
    tokenizer = read_json("tokenizer.json")
    tokens = {i: (token, NORMAL) for token, i in tokenizer["model"]["vocab"].items()}
    special = {added["content"]: added["id"] for added in tokenizer["added_tokens"]}
    tokens |= {i: (token, CONTROL) for token, i in special.items()}
    rope = config["rope_parameters"]
    entries = [tokens[i] for i in range(config["vocab_size"])]
    return {
        "general.architecture": "qwen2vl",
        "general.type": "model",
        "general.name": "tiny-vision",
        "general.license": "apache-2.0",
        "general.sampling.temp": float(generation["temperature"]),
        "general.sampling.top_p": float(generation["top_p"]),
        "qwen2vl.block_count": config["num_hidden_layers"],
        "qwen2vl.context_length": config["max_position_embeddings"],
        "qwen2vl.embedding_length": config["hidden_size"],
        "qwen2vl.feed_forward_length": config["intermediate_size"],
        "qwen2vl.attention.head_count": config["num_attention_heads"],
        "qwen2vl.attention.head_count_kv": config["num_key_value_heads"],
        "qwen2vl.attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "qwen2vl.rope.freq_base": float(rope["rope_theta"]),
        "qwen2vl.rope.dimension_sections": [*rope["mrope_section"], 0],
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": PRE_TOKENIZER,
        "tokenizer.ggml.tokens": [token for token, _ in entries],
        "tokenizer.ggml.token_type": [kind for _, kind in entries],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in tokenizer["model"]["merges"]],
        "tokenizer.ggml.eos_token_id": special["<|im_end|>"],
        "tokenizer.ggml.eot_token_id": special["<|im_end|>"],
        "tokenizer.ggml.bos_token_id": special["<|endoftext|>"],
        "tokenizer.ggml.padding_token_id": special["<|endoftext|>"],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": (CHECKPOINT / "chat_template.jinja").read_text("utf-8"),
    }


def text_tensors(tensors: Tensors) -> Tensors:
    """Give the language model's tensors under llama.cpp's names."""
    found = {}
    for name, tensor in tensors.items():
        stem, kind = name.rsplit(".", 1)
        if stem in TEXT:
            found[f"{TEXT[stem]}.{kind}"] = _stored(tensor)
        elif stem.startswith("model.layers."):
            layer, part = stem.removeprefix("model.layers.").split(".", 1)
            found[f"blk.{layer}.{IN_TEXT_LAYER[part]}.{kind}"] = _stored(tensor)
    return found


def vision_facts(config: Mapping[str, Any], processor: Mapping[str, Any]) -> dict[str, Any]:
    """Give what llama.cpp reads of the part that sees."""
    width = config["embed_dim"]
    return {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "tiny-vision",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "qwen2vl_merger",
        "clip.vision.image_size": 320,  # what llama.cpp warms up with; pictures keep their size
        "clip.vision.patch_size": config["patch_size"],
        "clip.vision.spatial_merge_size": config["spatial_merge_size"],
        "clip.vision.embedding_length": width,
        "clip.vision.feed_forward_length": width * config["mlp_ratio"],
        "clip.vision.block_count": config["depth"],
        "clip.vision.attention.head_count": config["num_heads"],
        "clip.vision.attention.layer_norm_epsilon": 1e-6,
        "clip.vision.projection_dim": config["hidden_size"],
        "clip.vision.image_mean": [float(each) for each in processor["image_mean"]],
        "clip.vision.image_std": [float(each) for each in processor["image_std"]],
    }


def vision_tensors(tensors: Tensors) -> Tensors:
    """Give the other tensors: q, k and v apart, and one patch kernel for each of two frames."""
    found = {}
    for name, tensor in tensors.items():
        if not name.startswith("visual."):
            continue
        stem, kind = name.removeprefix("visual.").rsplit(".", 1)
        if stem == "patch_embed.proj":
            found["v.patch_embd.weight"] = _stored(tensor[:, :, 0])
            found["v.patch_embd.weight.1"] = _stored(tensor[:, :, 1])
        elif stem in VISION:
            found[f"{VISION[stem]}.{kind}"] = _stored(tensor)
        else:
            layer, part = stem.removeprefix("blocks.").split(".", 1)
            if part == "attn.qkv":
                for each, third in zip("qkv", np.split(tensor, 3), strict=True):
                    found[f"v.blk.{layer}.attn_{each}.{kind}"] = _stored(third)
            else:
                found[f"v.blk.{layer}.{IN_VISION_LAYER[part]}.{kind}"] = _stored(tensor)
    return found


def write_gguf(tensors: Tensors, folder: Path) -> None:
    """Write the language model and the part that sees."""
    folder.mkdir(parents=True, exist_ok=True)
    config = read_json("config.json")
    facts = text_facts(config["text_config"], read_json("generation_config.json"))
    gguf_file.write(folder / "tiny-vision.gguf", facts, text_tensors(tensors))
    facts = vision_facts(config["vision_config"], read_json("preprocessor_config.json"))
    gguf_file.write(folder / "tiny-vision.mmproj.gguf", facts, vision_tensors(tensors))


def main() -> None:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    tensors = unpack(CHECKPOINT / WEIGHTS)
    write_gguf(tensors, folder)
    write_hf(tensors, folder / "hf")


if __name__ == "__main__":
    main()
