"""The verifiable instructions for Chinese answers: names, rules and arguments.

IFEval's names and arguments are kept where the meaning is the same; seven names are our own. What a
rule counts stands at the rule, in `instructions_chinese_content`, `instructions_chinese_form` and
`chinese`.
"""

from typing import Any

from evenhand_evals.extras import require
from evenhand_evals.scorers import instructions_arguments as read
from evenhand_evals.scorers import instructions_chinese_content as content
from evenhand_evals.scorers import instructions_chinese_form as form
from evenhand_evals.scorers import instructions_form as shared
from evenhand_evals.scorers.instructions import Rule

_DETECTED = """
af ar bg bn ca cs cy da de el es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl no
pa pl pt ro ru sk sl so sq sv sw ta te th tl tr uk ur vi
"""


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("must be a list of at least one text")
    return tuple(read.text(item) for item in value)


def _range(value: Any) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("must be two whole numbers, the least and the most")
    least, most = read.count(value[0]), read.count(value[1])
    if least > most:
        raise ValueError("must name the smaller number first")
    return least, most


def _relation(value: Any) -> str:
    if value not in ("less than", "at least", "at most", "exactly"):
        raise ValueError("must be 'less than', 'at least', 'at most' or 'exactly'")
    return str(value)


def _script(value: Any) -> str:
    if value not in ("simplified", "traditional", "latin"):
        raise ValueError("must be 'simplified', 'traditional' or 'latin'")
    return str(value)


def _language(value: Any) -> str:
    if value in ("zh", "en"):
        return str(value)
    if not isinstance(value, str) or value not in _DETECTED.split():
        raise ValueError(f"must be 'zh', 'en' or one of {', '.join(_DETECTED.split())}")
    require(f"telling whether an answer is in the language {value!r}", "langdetect")
    return value


INSTRUCTIONS: dict[str, Rule] = {
    "change_case:capital_word_frequency": Rule(
        content.capital_word_frequency,
        {"capital_frequency": read.count, "capital_relation": _relation},
    ),
    "change_case:english_capital": Rule(content.english_capital, {}),
    "change_case:english_lowercase": Rule(content.english_lowercase, {}),
    "change_case:latin_capital": Rule(content.latin_capital, {}),
    "change_case:latin_lowercase": Rule(content.latin_lowercase, {}),
    "combination:repeat_prompt": Rule(content.repeat_prompt, {"prompt_to_repeat": read.text}),
    "combination:two_responses": Rule(shared.two_responses, {}),
    "detectable_content:number_placeholders": Rule(
        content.number_placeholders, {"num_placeholders": read.count}
    ),
    "detectable_content:postscript": Rule(content.postscript, {"postscript_marker": read.text}),
    "detectable_format:constrained_options": Rule(form.constrained_options, {"options": _texts}),
    "detectable_format:constrained_response": Rule(form.constrained_response, {}),
    "detectable_format:json_format": Rule(shared.json_format, {}),
    "detectable_format:multiple_sections": Rule(
        form.multiple_sections, {"section_spliter": read.text, "num_sections": read.count}
    ),
    "detectable_format:number_bullet_lists": Rule(
        form.number_bullet_lists, {"num_bullets": read.count}
    ),
    "detectable_format:number_highlighted_sections": Rule(
        shared.number_highlighted_sections, {"num_highlights": read.count}
    ),
    "detectable_format:title": Rule(form.title, {}),
    "keywords:existence": Rule(content.keywords_existence, {"keywords": _texts}),
    "keywords:forbidden_words": Rule(content.forbidden_words, {"forbidden_words": _texts}),
    "keywords:frequency": Rule(
        content.keyword_frequency,
        {"keyword": read.text, "frequency": read.count, "relation": _relation},
    ),
    "keywords:letter_frequency": Rule(
        content.letter_frequency,
        {"letter": read.character, "let_frequency": read.count, "let_relation": _relation},
    ),
    "language:response_language": Rule(content.response_language, {"language": _language}),
    "language:script": Rule(content.script, {"script": _script}),
    "length_constraints:character_range": Rule(form.character_range, {"characters": _range}),
    "length_constraints:nth_paragraph_first_word": Rule(
        form.nth_paragraph_first_word,
        {"num_paragraphs": read.count, "nth_paragraph": read.position, "first_word": read.text},
    ),
    "length_constraints:number_blocks": Rule(form.number_blocks, {"num_paragraphs": read.count}),
    "length_constraints:number_characters": Rule(
        form.number_characters, {"relation": _relation, "num_characters": read.count}
    ),
    "length_constraints:number_paragraphs": Rule(
        shared.number_paragraphs, {"num_paragraphs": read.count}
    ),
    "length_constraints:number_sentences": Rule(
        form.number_sentences, {"relation": _relation, "num_sentences": read.count}
    ),
    "length_constraints:number_words": Rule(
        form.number_words, {"relation": _relation, "num_words": read.count}
    ),
    "punctuation:no_comma": Rule(content.no_comma, {}),
    "startend:end_checker": Rule(content.end_checker, {"end_phrase": read.text}),
    "startend:quotation": Rule(content.quotation, {}),
}
