"""Ask llama.cpp (the GGUF) and transformers (the checkpoint) the same questions, greedily.

    python deploy/tiny-glm4/agree.py

Prints how many answers are equal to the character, and each pair that differs. The checkpoint is
bfloat16 and the GGUF is quantised to eight bits, so that a near-tie may fall differently.
"""

import json
import random
import urllib.request

import torch
import xllamacpp
from to_gguf import HERE, OUT
from train import SEED, answer
from transformers import AutoTokenizer, Glm4ForCausalLM
from world import SCORED, Item

ITEMS_PER_FAMILY = 20


def serve() -> xllamacpp.Server:
    """Start llama.cpp's server on a free loopback port; it serves while the object is kept."""
    params = xllamacpp.CommonParams()
    params.model.path = str(OUT)
    params.port = 0
    params.n_ctx = 2048
    params.n_gpu_layers = 0
    return xllamacpp.Server(params)


def ask(url: str, item: Item) -> str:
    """Ask llama.cpp one question through its OpenAI route."""
    body = {
        "messages": [{"role": "user", "content": item.question}],
        "temperature": 0,
        "max_tokens": 200,
    }
    request = urllib.request.Request(  # noqa: S310 - always a loopback address
        url + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
        return str(json.load(response)["choices"][0]["message"]["content"])


def main() -> None:
    """Compare both on items without tools (llama.cpp turns a tool call into another field)."""
    rng = random.Random(SEED)  # noqa: S311 - repeatable questions, nothing secret
    tokenizer = AutoTokenizer.from_pretrained(HERE / "checkpoint")
    model = Glm4ForCausalLM.from_pretrained(HERE / "checkpoint", dtype=torch.bfloat16).eval()
    server = serve()
    families = [family for name, family in SCORED.items() if name != "tool"]
    items = [family(rng) for family in families for _ in range(ITEMS_PER_FAMILY)]
    pairs = [
        (item, ask(server.listening_address, item), answer(model, tokenizer, item))
        for item in items
    ]
    equal = [here == there for _, here, there in pairs]
    for item, here, there in pairs:
        if here != there:
            print(f"{item.question!r}: llama.cpp {here!r}, transformers {there!r}")
    print(f"equal {sum(equal)} / {len(equal)}")


if __name__ == "__main__":
    main()
