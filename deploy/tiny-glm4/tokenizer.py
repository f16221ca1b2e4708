"""The tokenizer: a byte-level BPE of our own text, with GLM-4's special tokens and its turns."""

import base64
from pathlib import Path

from corpus import texts
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CONTEXT = 8192
ROWS = 4096
SEED = 20260414
SENTENCES = 40_000
SPECIAL = (
    "<|endoftext|>",
    "[MASK]",
    "[gMASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
)
TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def make() -> PreTrainedTokenizerFast:
    """Train the BPE and wrap it: at most `ROWS` entries, special tokens last, digits one by one.

    The pre-tokenizer (digits apart, then GPT-2's pattern) is the one llama.cpp calls `smollm`.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        texts(SEED, SENTENCES),
        trainers.BpeTrainer(
            vocab_size=ROWS - len(SPECIAL) - 6,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            special_tokens=[],
            show_progress=False,
        ),
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=SPECIAL[0],
        pad_token=SPECIAL[0],
        additional_special_tokens=list(SPECIAL[1:]),
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return made


def byte_of_character() -> dict[str, int]:
    """Map the printable stand-ins that byte-level BPE writes to their bytes (GPT-2's table)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(rest)}


def write_ranks(made: PreTrainedTokenizerFast, path: Path) -> None:
    """Write the same BPE as a tiktoken ranks file: single bytes first, merges in learned order.

    tiktoken merges the pair with the lowest rank, so ranks in merge order give the same pieces.
    """
    stand_ins = byte_of_character()
    by_id = sorted((i, t) for t, i in made.get_vocab().items() if t not in SPECIAL)
    tokens = [bytes(stand_ins[character] for character in token) for _, token in by_id]
    ordered = [bytes([byte]) for byte in range(256)] + [token for token in tokens if len(token) > 1]
    lines = (f"{base64.b64encode(token).decode()} {rank}" for rank, token in enumerate(ordered))
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
