"""Make and train the tiny GLM-4, write the Hugging Face checkpoint, and score it on its world.

    python deploy/tiny-glm4/train.py [--steps N] [--out DIRECTORY]

Fixed seeds, steps and threads: on one kind of processor and one version of torch the weights come
out the same. The score at the end is greedy, exact match, `SCORED_PER_FAMILY` items a family.
"""

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizer import CONTEXT, ROWS, SPECIAL, make, write_ranks
from transformers import GenerationConfig, Glm4Config, Glm4ForCausalLM, PreTrainedTokenizerFast
from world import SCORED, Item, draw

HERE = Path(__file__).parent
RANKS = HERE.parents[1] / "proxy/evenhand_proxy/telemetry/tokens.tiktoken"
SEED = 414
STEPS = 800
THREADS = 2
BATCH = 32
BATCHES_SORTED_TOGETHER = 8
PEAK_RATE = 2e-3
WARM_UP = 50
SCORED_PER_FAMILY = 40
IGNORED = -100
SYSTEM = ("You are a helpful assistant.", "你是一个有用的助手。")


def new_model(tokenizer: PreTrainedTokenizerFast) -> Glm4ForCausalLM:
    """Build the untrained model: GLM-4's architecture (sandwich norms, half-rotary, q/k/v bias)."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    ends = [ids["<|endoftext|>"], ids["<|user|>"], ids["<|observation|>"]]
    config = Glm4Config(
        vocab_size=ROWS,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        partial_rotary_factor=0.5,
        attention_bias=True,
        max_position_embeddings=CONTEXT,
        eos_token_id=ends,
        pad_token_id=ids["<|endoftext|>"],
        bos_token_id=None,
        tie_word_embeddings=False,
    )
    model = Glm4ForCausalLM(config)
    model.generation_config = GenerationConfig(
        eos_token_id=ends,
        pad_token_id=ids["<|endoftext|>"],
        do_sample=True,
        temperature=0.8,
        top_p=0.8,
    )
    return model


def prompt_of(
    tokenizer: PreTrainedTokenizerFast, item: Item, system: str | None = None
) -> list[int]:
    """Render an item's question as token ids, up to where the answer begins."""
    messages = [{"role": "user", "content": item.question}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    tools = None
    if item.tool is not None:
        name, parameter = item.tool
        properties = {parameter: {"type": "string"}}
        parameters = {"type": "object", "properties": properties}
        tools = [{"type": "function", "function": {"name": name, "parameters": parameters}}]
    text = tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=False, add_generation_prompt=True
    )
    return list(tokenizer.encode(text, add_special_tokens=False))


def encode(
    tokenizer: PreTrainedTokenizerFast, item: Item, rng: random.Random
) -> tuple[list[int], list[int]]:
    """Give (token ids, labels): the loss counts the answer and the token that ends the turn."""
    prompt = prompt_of(tokenizer, item, rng.choice(SYSTEM) if rng.random() < 0.15 else None)
    answer = list(tokenizer.encode(item.answer, add_special_tokens=False))
    end = "<|observation|>" if item.answer.startswith("<tool_call>") else "<|user|>"
    answer.append(int(tokenizer.convert_tokens_to_ids(end)))
    return prompt + answer, [IGNORED] * len(prompt) + answer


def batches(
    tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield (ids, attention mask, labels) for ever; items of like length share a batch."""
    pad = int(tokenizer.pad_token_id)
    while True:
        items = draw(rng, BATCH * BATCHES_SORTED_TOGETHER)
        pool = sorted((encode(tokenizer, item, rng) for item in items), key=lambda x: len(x[0]))
        groups = [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
        rng.shuffle(groups)
        for group in groups:
            width = len(group[-1][0])
            ids = [x + [pad] * (width - len(x)) for x, _ in group]
            mask = [[1] * len(x) + [0] * (width - len(x)) for x, _ in group]
            labels = [y + [IGNORED] * (width - len(y)) for _, y in group]
            yield torch.tensor(ids), torch.tensor(mask), torch.tensor(labels)


def train(
    model: Glm4ForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int, rng: random.Random
) -> None:
    """Run AdamW for `steps` batches: linear warm-up, then linear decay to 2 % of the peak."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    source = batches(tokenizer, rng)
    began = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * min(1, (step + 1) / WARM_UP) * max(0.02, 1 - step / steps)
        ids, mask, labels = next(source)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1:4} loss {loss.item():.4f} {time.monotonic() - began:.0f} s")


def answer(model: Glm4ForCausalLM, tokenizer: PreTrainedTokenizerFast, item: Item) -> str:
    """Answer one item greedily, at most 200 tokens."""
    ids = torch.tensor([prompt_of(tokenizer, item)])
    with torch.no_grad():
        made = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=200
        )
    return str(tokenizer.decode(made[0][ids.shape[1] :], skip_special_tokens=True))


def score(model: Glm4ForCausalLM, tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> None:
    """Print the exact-match score of each family, one wrong answer of each, and the whole."""
    right_of_all = 0
    for name, family in SCORED.items():
        items = [family(rng) for _ in range(SCORED_PER_FAMILY)]
        answers = [answer(model, tokenizer, item) for item in items]
        wrong = [(i, a) for i, a in zip(items, answers, strict=True) if i.answer != a]
        right = len(items) - len(wrong)
        right_of_all += right
        print(f"{name:16} {right:3} / {len(items)}")
        for item, got in wrong[:1]:
            print(f"{'':16} {item.question!r} -> {got!r}, not {item.answer!r}")
    total = SCORED_PER_FAMILY * len(SCORED)
    print(f"exact match      {right_of_all} / {total} = {right_of_all / total:.1%}")


def main() -> None:
    """Train, save the checkpoint in bfloat16 and the ranks file, and score what was saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=HERE / "checkpoint")
    parser.add_argument("--ranks", type=Path, default=RANKS)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)  # noqa: S311 - repeatable training, nothing secret
    tokenizer = make()
    write_ranks(tokenizer, arguments.ranks)
    model = new_model(tokenizer)
    train(model, tokenizer, arguments.steps, rng)
    model = model.to(torch.bfloat16).eval()
    model.save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    score(model.to(torch.float32), tokenizer, rng)


if __name__ == "__main__":
    main()
