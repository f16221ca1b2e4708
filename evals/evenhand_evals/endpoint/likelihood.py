"""How likely texts are to a model, got out of engines that each tell it in their own way.

All three ways give the same numbers: sums of natural logarithms over the tokens of a continuation,
in the engine's own tokens. They work through an Evenhand proxy too; SGLang is then asked in vLLM's
way. A continuation's tokens are those after the longest common beginning of the tokens of the
context and of the whole, because tokens may grow across the border (the rule of
lm-evaluation-harness, `_encode_pair`, with the served tokenizer in the place of a local one). Where
there is no context, a letter takes its place: what the tokens of two texts have in common is then
what the engine puts before any text (GLM-4's `[gMASK]<sop>`), and is not counted. The first token
of all is counted where something stands before it.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from evenhand_evals.endpoint.asking import Method, Outgoing
from evenhand_evals.errors import AnswerUnreadable
from evenhand_evals.types import Likelihood, Likelihoods

Asked = Generator[Outgoing, Any, Likelihoods]
FORCED_BIAS: Final = 100
"""Makes llama.cpp draw a given token, and is the most that OpenAI's API allows; the logarithm that
llama.cpp reports is that before any bias."""


CANDIDATES: Final = (500, 1 << 20)
"""How many likely tokens are asked for: more than any vocabulary has if the first do not do, as the
answer then has megabytes."""
_PROBES: Final = "qzxjkvwybf"


@dataclass(frozen=True, slots=True)
class Scored:
    """The tokens of a text: what each is, its logarithm (None for the first), whether it leads."""

    tokens: tuple[Any, ...]
    logprobs: tuple[float | None, ...]
    leads: tuple[bool | None, ...]


def echo(model: str, ask: Likelihood) -> Asked:
    """Use `echo` and `logprobs` of OpenAI's `/completions`, as vLLM and SGLang serve them.

    SGLang generates one token at least, so one is asked for of every engine and left out.
    """
    prompts = _prompts(ask)
    body = {
        "model": model,
        "prompt": prompts,
        "max_tokens": 1,
        "echo": True,
        "logprobs": 1,
        "temperature": 0,
    }
    response = yield Outgoing("/completions", body, kind="text", measures=True)
    choices = sorted(response["choices"], key=lambda each: each.get("index", 0))
    if len(choices) != len(prompts):
        raise AnswerUnreadable(f"{len(prompts)} prompts were asked for, {len(choices)} came back")
    entries = [_echoed(choice) for choice in choices]
    made = _generated(response, entries)
    return _likelihoods(ask, [_without_last(entry, made) for entry in entries])


def generate(model: str, ask: Likelihood) -> Asked:
    """Use SGLang's own `/generate`, which tells token ids."""
    body = {
        "text": _prompts(ask),
        "sampling_params": {"max_new_tokens": 1, "temperature": 0},
        "return_logprob": True,
        "logprob_start_len": 0,
        "top_logprobs_num": 1,
    }
    response = yield Outgoing("/generate", body, root=True, kind=None, measures=True)
    answers = response if isinstance(response, list) else [response]
    return _likelihoods(ask, [_native(answer) for answer in answers])


def forced(model: str, ask: Likelihood) -> Asked:
    """Make llama.cpp's `/completions` draw each token of a continuation, one request for each."""
    plain = (yield from _tokens(model, "0", special=False))[-1]
    texts = []
    for prompt in _prompts(ask):
        tokens = yield from _tokens(model, prompt, special=True)
        texts.append(tokens)
    context, *wholes = texts
    found = []
    for whole in wholes:
        begin = max(1, shared(context, whole))
        logprobs: list[float | None] = [None] * begin
        leads: list[bool | None] = [None] * begin
        for place in range(begin, len(whole)):
            logprob, leading = yield from _forced_token(model, whole[:place], whole[place], plain)
            logprobs.append(logprob)
            leads.append(leading)
        found.append(Scored(tuple(whole), tuple(logprobs), tuple(leads)))
    return _likelihoods(ask, [Scored(tuple(context), (), ()), *found])


def _forced_token(
    model: str, before: Sequence[int], token: int, plain: int
) -> Generator[Outgoing, Any, tuple[float, bool]]:
    """Give a token's logarithm, and whether it leads; `plain` is a token that is no mere part."""
    told = yield from _drawn(model, before, token)
    if told is not None:
        top = told.get("top_logprobs") or []
        return float(told["logprob"]), bool(top) and top[0].get("id") == token
    # llama.cpp withholds a token that is part of a character (common in Chinese), but it is among
    # the candidates for the place of any other.
    for count in CANDIDATES:
        told = yield from _drawn(model, before, plain, count)
        listed: list[Mapping[str, Any]] = told["top_logprobs"] if told else []
        for candidate in listed:
            if candidate.get("id") == token:
                return float(candidate["logprob"]), candidate is listed[0]
    raise AnswerUnreadable(f"llama.cpp did not list the token {token} among all candidates")


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {"sglang": generate, "vllm": echo, "llamacpp": forced, "openai": echo, "generic": echo}
)
"""How an engine is asked itself."""

THROUGH_A_PROXY: Final[Mapping[str, Method]] = MappingProxyType({**METHODS, "sglang": echo})
"""How it is asked through a proxy, which serves no engine's own generating routes."""


def _prompts(ask: Likelihood) -> list[str]:
    return [ask.context or _probe(ask), *(ask.context + each for each in ask.continuations)]


def _probe(ask: Likelihood) -> str:
    """Give a letter with which no continuation begins."""
    begun = {each.lstrip()[:1].lower() for each in ask.continuations}
    return next((each for each in _PROBES if each not in begun), "0")


def _likelihoods(ask: Likelihood, scored: Sequence[Scored]) -> Likelihoods:
    base, *wholes = scored
    alone, greedy, unscored = [], [], []
    for whole in wholes:
        begin = shared(base.tokens, whole.tokens)
        counted = [each for each in whole.logprobs[begin:] if each is not None]
        if not counted:
            raise AnswerUnreadable(
                "the engine gave no log-probabilities for the prompt; name it with --engine, or "
                "choose a task that generates"
            )
        alone.append(tuple(counted))
        unscored.append(len(whole.logprobs[begin:]) - len(counted))
        leads = whole.leads[begin:]
        known = [each for each in leads if each is not None]
        greedy.append(all(known) if known else None)
    return Likelihoods(
        tuple(sum(each) for each in alone),
        tuple(len(each) for each in alone),
        tuple(greedy),
        tuple(alone),
        tuple(unscored),
    )


def shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Give the length of the longest common beginning."""
    short = min(len(one), len(other))
    if one[:short] == other[:short]:
        return short
    return next((place for place in range(short) if one[place] != other[place]), short)


def _echoed(choice: Mapping[str, Any]) -> Scored:
    told = choice.get("logprobs")
    if not isinstance(told, Mapping) or not isinstance(told.get("token_logprobs"), list):
        raise AnswerUnreadable(
            "the endpoint ignores echo: it gave no log-probabilities of the prompt; "
            "ask an engine that has them: vLLM, SGLang or llama.cpp"
        )
    tops = told.get("top_logprobs") or [None] * len(told["token_logprobs"])
    leads = [_leads(own, top) for own, top in zip(told["token_logprobs"], tops, strict=False)]
    return Scored(tuple(told["tokens"]), tuple(told["token_logprobs"]), tuple(leads))


def _leads(own: float | None, top: Mapping[str, float] | None) -> bool | None:
    return None if own is None or not top else own >= max(top.values())


def _generated(response: Mapping[str, Any], entries: Sequence[Scored]) -> int:
    """Give how many entries at the end of each are of generated tokens, none or one."""
    usage = response.get("usage") or {}
    prompts, made = usage.get("prompt_tokens"), usage.get("completion_tokens", 0)
    total = sum(len(each.logprobs) for each in entries)
    if isinstance(prompts, int) and total == prompts + made and made in (0, len(entries)):
        return int(made) // len(entries)
    raise AnswerUnreadable(
        f"the endpoint gave {total} log-probabilities for {prompts} prompt tokens and {made} "
        "generated ones; it does not echo the whole prompt"
    )


def _without_last(entry: Scored, count: int) -> Scored:
    end = len(entry.logprobs) - count
    return Scored(entry.tokens[:end], entry.logprobs[:end], entry.leads[:end])


def _native(answer: Mapping[str, Any]) -> Scored:
    meta = answer.get("meta_info") or {}
    told = meta.get("input_token_logprobs")
    if not isinstance(told, list):
        raise AnswerUnreadable("SGLang's /generate gave no input_token_logprobs")
    tops = meta.get("input_top_logprobs") or [None] * len(told)
    leads = [
        None if own[0] is None or not top else own[0] >= top[0][0]
        for own, top in zip(told, tops, strict=False)
    ]
    return Scored(tuple(own[1] for own in told), tuple(own[0] for own in told), tuple(leads))


def _tokens(model: str, text: str, *, special: bool) -> Generator[Outgoing, Any, list[int]]:
    body = {"model": model, "content": text, "add_special": special}
    told = yield Outgoing("/tokenize", body, root=True, kind=None)
    tokens = told.get("tokens") if isinstance(told, Mapping) else None
    if not isinstance(tokens, list):
        raise AnswerUnreadable("llama.cpp's /tokenize gave no tokens")
    return tokens


def _drawn(
    model: str, before: Sequence[int], token: int, candidates: int = 1
) -> Generator[Outgoing, Any, Mapping[str, Any] | None]:
    """Have a token drawn and give what is told of it, None where it is withheld."""
    body = {
        "model": model,
        "prompt": list(before),
        "max_tokens": 1,
        "temperature": 0,
        "logit_bias": {str(token): FORCED_BIAS},
        "logprobs": candidates,
    }
    answer = yield Outgoing("/completions", body, kind="text", measures=True)
    told = answer["choices"][0].get("logprobs")
    if told is None:
        return None
    entries = told.get("content") if isinstance(told, Mapping) else None
    if not entries or entries[0].get("id") != token:
        raise AnswerUnreadable(f"llama.cpp did not draw the token {token} that it was made to")
    first: Mapping[str, Any] = entries[0]
    return first


def method_for(engine: str, *, proxied: bool) -> Method | None:
    """Give how likelihoods are got out of an engine, None if there is no way."""
    return (THROUGH_A_PROXY if proxied else METHODS).get(engine)
