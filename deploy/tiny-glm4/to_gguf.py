"""Write the tiny GLM-4 checkpoint as one q8_0 GGUF file for llama.cpp.

    python deploy/tiny-glm4/to_gguf.py [CHECKPOINT] [OUT.gguf]

Names of keys and tensors are those that llama.cpp's own converter gives to `Glm4ForCausalLM`
(conversion/glm.py and gguf-py/gguf/tensor_mapping.py). Its rotary pairs lie side by side, as in
the checkpoint, so that no weight is permuted.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "proxy/evenhand_proxy/engines/tiny-glm4.q8_0.gguf"
ARCHITECTURE = "glm4"
PRE_TOKENIZER = "smollm"  # llama.cpp's name for: digits one by one, then GPT-2's pattern

WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_self_attn_layernorm": "post_attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_mlp_layernorm": "post_ffw_norm",
}


def tensor_name(name: str) -> str:
    """Translate a checkpoint's tensor name; a name that is not GLM-4's is a KeyError."""
    stem, kind = name.rsplit(".", 1)
    if stem in WHOLE:
        return f"{WHOLE[stem]}.{kind}"
    layer, part = stem.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{IN_LAYER[part]}.{kind}"


def read_json(path: Path) -> Any:
    """Read one JSON document."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_shape(
    writer: gguf.GGUFWriter, config: Mapping[str, Any], sampling: Mapping[str, Any]
) -> None:
    """Write what the model is: sizes, rotary settings, and its sampling defaults."""
    writer.add_type("model")
    writer.add_name("tiny-glm4")
    writer.add_description("A closed-world test model of the GLM-4 architecture")
    writer.add_license("apache-2.0")
    writer.add_languages(["en", "zh"])
    writer.add_sampling_temp(sampling["temperature"])
    writer.add_sampling_top_p(sampling["top_p"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(config["head_dim"] * rope["partial_rotary_factor"]))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def write_vocabulary(writer: gguf.GGUFWriter, checkpoint: Path, rows: int) -> None:
    """Write tokens, merges, special tokens and the chat template; unused rows are marked so."""
    tokenizer = read_json(checkpoint / "tokenizer.json")
    tokens = {i: (token, gguf.TokenType.NORMAL) for token, i in tokenizer["model"]["vocab"].items()}
    special = {added["content"]: added["id"] for added in tokenizer["added_tokens"]}
    tokens |= {i: (token, gguf.TokenType.CONTROL) for token, i in special.items()}
    entries = [tokens.get(i, (f"[PAD{i}]", gguf.TokenType.UNUSED)) for i in range(rows)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list([token for token, _ in entries])
    writer.add_token_types([kind for _, kind in entries])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    for add in (
        writer.add_bos_token_id,
        writer.add_eos_token_id,
        writer.add_unk_token_id,
        writer.add_pad_token_id,
    ):
        add(special["<|endoftext|>"])
    writer.add_eot_token_id(special["<|user|>"])
    writer.add_eom_token_id(special["<|observation|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template((checkpoint / "chat_template.jinja").read_text(encoding="utf-8"))


def write_tensors(writer: gguf.GGUFWriter, checkpoint: Path) -> None:
    """Write matrices as q8_0 and vectors (norms, biases) as float32."""
    for name, tensor in sorted(load_file(checkpoint / "model.safetensors").items()):
        values = tensor.to(torch.float32).numpy()
        kind = gguf.GGMLQuantizationType.Q8_0 if values.ndim == 2 else None
        data = values if kind is None else gguf.quants.quantize(values, kind)
        writer.add_tensor(tensor_name(name), data, raw_dtype=kind)


def main() -> None:
    """Convert one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?", default=HERE / "checkpoint")
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    arguments = parser.parse_args()
    config = read_json(arguments.checkpoint / "config.json")
    writer = gguf.GGUFWriter(arguments.out, ARCHITECTURE)
    write_shape(writer, config, read_json(arguments.checkpoint / "generation_config.json"))
    write_vocabulary(writer, arguments.checkpoint, config["vocab_size"])
    write_tensors(writer, arguments.checkpoint)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(arguments.out)


if __name__ == "__main__":
    main()
