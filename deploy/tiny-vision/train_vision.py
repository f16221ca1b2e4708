"""Make and train the tiny vision model, write what `make.py` reads, and score it.

    python deploy/tiny-vision/train_vision.py [--steps N] [--out DIRECTORY]

Fixed seeds, steps and threads, as for the tiny GLM-4. The score is of seeds that training never
draws from: how often the likeliest token is the right one all through the answer.
"""

import argparse
import json
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from make import WEIGHTS, pack
from safetensors.torch import load_file
from scenes import KINDS, Item, draw, seen, texts
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

from evenhand_evals.tasks.vision_scenes import LANGUAGES, scene

HERE = Path(__file__).parent
SEED = 415
STEPS = 600
THREADS = 1
BATCH = 24
PEAK_RATE = 2e-3
WARM_UP = 50
SCORED_SEEDS = (0, 1, 2)
IGNORED = -100
CONTEXT = 2048
ROWS = 768
PATCH, MERGE, FRAMES = 20, 2, 2
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATE = (HERE / "chat_template.jinja").read_text(encoding="utf-8")


def new_tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE; special tokens last; digits stand alone."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        texts(4000),
        trainers.BpeTrainer(
            vocab_size=ROWS - len(SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            special_tokens=[],
            show_progress=False,
        ),
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",  # noqa: S106 - a token of text
        pad_token=SPECIAL[0],
        additional_special_tokens=list(SPECIAL),
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLForConditionalGeneration:
    """Build the untrained model: Qwen2-VL's architecture, as small as engines take it."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    text = {
        "vocab_size": ROWS,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "max_window_layers": 3,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 6, 6],
        },
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision = {
        "depth": 2,
        "in_chans": 3,  # SGLang reads this name
        "embed_dim": 64,
        "hidden_size": 128,
        "num_heads": 2,
        "mlp_ratio": 2,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": FRAMES,
    }
    config = Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
        pad_token_id=ids["<|endoftext|>"],
        do_sample=True,
        temperature=0.8,
        top_p=0.8,
    )
    return model


def embed(patches: torch.nn.Module, values: torch.Tensor) -> torch.Tensor:
    """Embed patches as one product: the convolution that it stands for is slow on a CPU."""
    return torch.nn.functional.linear(values, patches.proj.weight.flatten(1))


def patches_of(item: Item) -> torch.Tensor:
    """Cut a picture as Qwen2-VL's processor does: merged squares together, the frame twice."""
    dots = torch.frombuffer(bytearray(item.dots or b""), dtype=torch.uint8)
    image = dots.view(item.height, item.width, 3).permute(2, 0, 1)
    rows, columns = item.height // PATCH, item.width // PATCH
    cut = image.view(3, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH)
    cut = cut.permute(1, 4, 2, 5, 0, 3, 6)[..., None, :, :].expand(
        -1, -1, -1, -1, -1, FRAMES, -1, -1
    )
    return cut.reshape(rows * columns, 3 * FRAMES * PATCH * PATCH).float() / 127.5 - 1


def prompt_of(tokenizer: PreTrainedTokenizerFast, item: Item) -> list[int]:
    """Render an item's question as token ids, up to where the answer begins."""
    content: list[dict[str, Any]] = [{"type": "text", "text": item.question}]
    if item.dots is not None:
        content.insert(0, {"type": "image"})
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    squares = item.width * item.height // (PATCH * MERGE) ** 2
    text = text.replace("<|image_pad|>", "<|image_pad|>" * squares)
    return list(tokenizer.encode(text, add_special_tokens=False))


def batch_of(tokenizer: PreTrainedTokenizerFast, items: list[Item]) -> dict[str, torch.Tensor]:
    """Give the model's inputs with the labels of the answers, padded on the right."""
    end = int(tokenizer.convert_tokens_to_ids("<|im_end|>"))
    image = int(tokenizer.convert_tokens_to_ids("<|image_pad|>"))
    pad = int(tokenizer.pad_token_id)
    rows, labels = [], []
    for item in items:
        prompt = prompt_of(tokenizer, item)
        answer = [*tokenizer.encode(item.answer, add_special_tokens=False), end]
        rows.append(prompt + answer)
        labels.append([IGNORED] * len(prompt) + answer)
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    shown = [item for item in items if item.dots is not None]
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows]),
        "labels": torch.tensor([row + [IGNORED] * (width - len(row)) for row in labels]),
        "mm_token_type_ids": (ids == image).int(),
    }
    if shown:
        inputs["pixel_values"] = torch.cat([patches_of(item) for item in shown])
        grids = [[1, item.height // PATCH, item.width // PATCH] for item in shown]
        inputs["image_grid_thw"] = torch.tensor(grids)
    return inputs


def train(
    model: Qwen2VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    steps: int,
) -> None:
    """Run AdamW for `steps` batches: linear warm-up, then linear decay to 2 % of the peak."""
    rng = random.Random(SEED)  # noqa: S311 - repeatable training, nothing secret
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    began = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * min(1, (step + 1) / WARM_UP) * max(0.02, 1 - step / steps)
        items = draw(rng, BATCH)
        loss = model(**batch_of(tokenizer, items)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 25 == 0:
            spent = time.monotonic() - began
            print(f"step {step + 1:4} loss {loss.item():.4f} {spent:.0f} s", flush=True)


def score(model: Qwen2VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
    """Print how often the likeliest answer is right, token by token, on unseen seeds."""
    for kind in KINDS:
        right = total = 0
        for seed in SCORED_SEEDS:
            for language in LANGUAGES:
                items = [seen(kind, scene(kind, language, turn, seed)) for turn in range(12)]
                inputs = batch_of(tokenizer, items)
                with torch.no_grad():
                    best = model(**inputs).logits[:, :-1].argmax(-1)
                labels = inputs["labels"][:, 1:]
                whole = ((best == labels) | (labels == IGNORED)).all(1)
                right, total = right + int(whole.sum()), total + len(items)
        print(f"{kind:10} {right:3} / {total}", flush=True)


def save(
    model: Qwen2VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, out: Path
) -> None:
    """Write the weights in eight bits, the tokenizer, and what a processor reads."""
    model.to(torch.bfloat16).save_pretrained(out)
    weights = out / "model.safetensors"
    tensors = {name: each.float().numpy() for name, each in load_file(weights).items()}
    pack(tensors, out / WEIGHTS)
    weights.unlink()
    tokenizer.save_pretrained(out)
    processor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor",
        "patch_size": PATCH,
        "merge_size": MERGE,
        "temporal_patch_size": FRAMES,
        "min_pixels": 4 * (PATCH * MERGE) ** 2,
        "max_pixels": 256 * (PATCH * MERGE) ** 2,
        "size": {
            "shortest_edge": 4 * (PATCH * MERGE) ** 2,
            "longest_edge": 256 * (PATCH * MERGE) ** 2,
        },
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (out / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", "utf-8")


def main() -> None:
    """Train, save, and score what was saved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=HERE / "checkpoint")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    tokenizer = new_tokenizer()
    model = new_model(tokenizer)
    patches = model.model.visual.patch_embed
    patches.forward = partial(embed, patches)
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train(model, tokenizer, arguments.steps)
    save(model.eval(), tokenizer, arguments.out)
    score(model.to(torch.float32), tokenizer)


if __name__ == "__main__":
    main()
