"""What engines answer about themselves, written by hand from their sources and documents."""

from typing import Any

SGLANG_SERVER_INFO: dict[str, Any] = {
    "model_path": "THUDM/GLM-4-9B-0414",
    "revision": None,
    "version": "0.5.23",
    "weight_version": "default",
    "served_model_name": "glm-4",
    "dtype": "bfloat16",
    "quantization": None,
    "kv_cache_dtype": "auto",
    "chat_template": None,
    "sampling_defaults": "model",
    "preferred_sampling_params": None,
    "enable_deterministic_inference": False,
    "random_seed": 1064048687,
    "speculative_algorithm": None,
    "launch_command": "--model-path THUDM/GLM-4-9B-0414 --api-key not-to-be-kept",
    "internal_states": [{}],
}
"""sglang 0.5.23 srt/entrypoints/http_server.py L853-892, cut to what is read."""

SGLANG_MODEL_INFO: dict[str, Any] = {
    "model_path": "THUDM/GLM-4-9B-0414",
    "served_model_name": "glm-4",
    "is_generation": True,
    "preferred_sampling_params": None,
    "weight_version": "default",
    "model_type": "glm4",
    "architectures": ["Glm4ForCausalLM"],
}

VLLM_VERSION = {"version": "0.33.0"}
VLLM_MODELS = {
    "object": "list",
    "data": [
        {
            "id": "glm-4",
            "object": "model",
            "created": 1795260246,
            "owned_by": "vllm",
            "root": "THUDM/GLM-4-9B-0414",
            "parent": None,
            "max_model_len": 4096,
        }
    ],
}
VLLM_SERVER_INFO: dict[str, Any] = {
    "vllm_config": {
        "model_config": {
            "generation_config": "auto",
            "override_generation_config": {"top_p": 0.9, "max_new_tokens": 512},
            "max_logprobs": 5,
            "seed": 0,
            "dtype": "torch.bfloat16",
        }
    },
    "vllm_env": {"VLLM_BATCH_INVARIANT": True},
    "system_env": {"pip_packages": "[pip3] torch==2.13.0\n[pip3] transformers==5.19.0"},
}
"""vllm 0.32.0 entrypoints/serve/dev/server_info/api_router.py with config_format=json."""

LLAMACPP_PROPS: dict[str, Any] = {
    "default_generation_settings": {
        "params": {
            "seed": 4294967295,
            "temperature": 0.800000011920929,
            "top_k": 40,
            "top_p": 0.949999988079071,
            "min_p": 0.05000000074505806,
            "repeat_penalty": 1.0,
            "n_predict": -1,
            "samplers": ["top_k", "temperature"],
        },
        "n_ctx": 2048,
    },
    "total_slots": 4,
    "model_path": "/models/glm-4-9b-0414.q8_0.gguf",
    "chat_template": "[gMASK]<sop>{{ messages }}",
    "build_info": "b11549-0a1b2c3d",
}

OLLAMA_SHOW = {
    "parameters": 'temperature    0.7\nnum_ctx  8192\nstop  "<|user|>"\nstop  "<|assistant|>"\n'
    "repeat_penalty 1.1\nseed   42\nmirostat_tau 5",
    "template": "{{ .Prompt }}",
    "details": {"format": "gguf", "family": "glm4", "quantization_level": "Q4_K_M"},
    "modified_at": "2026-08-21T10:30:00Z",
}
OLLAMA_TAGS = {"models": [{"name": "glm4:latest", "digest": "0123456789abcdef0123456789abcdef"}]}

TGI_INFO = {
    "model_id": "THUDM/GLM-4-9B-0414",
    "model_sha": "0123456789abcdef0123456789abcdef01234567",
    "max_concurrent_requests": 128,
    "max_best_of": 2,
    "max_stop_sequences": 4,
    "max_input_tokens": 1024,
    "max_total_tokens": 2048,
    "router": "text-generation-router",
    "version": "3.3.6",
}

MISTRAL_MODELS = {
    "object": "list",
    "data": [
        {
            "id": "mistral-large-latest",
            "owned_by": "mistralai",
            "name": "mistral-large-2512",
            "default_model_temperature": 0.7,
        },
        {"id": "codestral-latest", "owned_by": "mistralai", "default_model_temperature": 0.3},
    ],
}

ANSWERS: dict[str, dict[str, Any]] = {
    "sglang": {"server_info": SGLANG_SERVER_INFO, "model_info": SGLANG_MODEL_INFO},
    "vllm": {"version": VLLM_VERSION, "models": VLLM_MODELS},
    "llamacpp": {"props": LLAMACPP_PROPS},
    "ollama": {"show": OLLAMA_SHOW, "version": {"version": "0.14.2"}, "tags": OLLAMA_TAGS},
    "tgi": {"info": TGI_INFO},
    "transformers": {"health": {"status": "ok"}},
    "mistral": {"models": MISTRAL_MODELS},
    "openai": {"models": {"object": "list", "data": []}},
}
"""Engine to its answers by the names of its questions."""
