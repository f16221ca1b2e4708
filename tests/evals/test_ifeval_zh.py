"""The rules for Chinese answers by hand, and the Chinese set that ships with us."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand_evals.errors import DataError
from evenhand_evals.scorers import instructions
from evenhand_evals.scorers.instructions import judge, parse_instruction
from evenhand_evals.scorers.instructions_chinese import INSTRUCTIONS
from evenhand_evals.tasks import TASKS, ifeval
from evenhand_evals.tasks.ifeval_zh import TASK
from evenhand_evals.types import Completion, Dataset, DataSource, Sample

ANSWERS = Path(__file__).with_name("ifeval_zh_answers.jsonl")
OWN = {
    "change_case:latin_capital",
    "change_case:latin_lowercase",
    "detectable_format:constrained_options",
    "language:script",
    "length_constraints:character_range",
    "length_constraints:number_blocks",
    "length_constraints:number_characters",
}

# (instruction, arguments, answers that follow, answers that do not)
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NASA和ESA", "用GPT-4和CPU", "A B"],
        ["Nasa和ESA", "美国航天局", "NASA"],
    ),
    (
        "change_case:english_capital",
        {},
        ["SHANGHAI IS A CITY.", "THE CITY 北京 IS LARGE"],
        ["Shanghai is a city.", "上海SHANGHAI很大", "上海", "123"],
    ),
    ("change_case:english_lowercase", {}, ["good morning"], ["Good morning", "早上好 hi", "早"]),
    ("change_case:latin_capital", {}, ["我在WTO工作", "NASA"], ["我在Wto工作", "我在工作"]),
    ("change_case:latin_lowercase", {}, ["学python", "ａｂ"], ["学Python", "学习"]),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "请推荐一种树。"},
        ["请推荐一种树。\n银杏。", "  请推荐一种树。", "请推荐一种树。请推荐一种树。"],
        ["“请推荐一种树。”银杏。", "银杏。", "请推荐一种树"],
    ),
    (
        "combination:two_responses",
        {},
        ["甲******乙", "甲\n******\n乙"],
        ["甲", "甲******甲", "甲******乙******丙", "甲\n***\n乙"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[姓名]和[地址]", "【时间】【地点】", "［姓名］和[日期]"],
        ["[姓名]", "[] []", "[ ][姓名]", "【时\n间】【地点】", "（姓名）（地址）"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "附言："},
        ["再见。\n附言：带伞", "附言: 带伞"],
        ["再见。", "附言 带伞", "附注：带伞"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["再见\nP.S. 带伞", "p. s. 带伞", "Ｐ．Ｓ．带伞"],
        ["PS：带伞", "P.S 带伞"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["P.P.S. 带伞", "p. p. s带伞"],
        ["P.S. 带伞"],
    ),
    (
        "detectable_format:constrained_options",
        {"options": ["正面", "负面"]},
        ["正面", " 负面。\n"],
        ["答案是正面", "正面负面", "中性", "正面！"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["我的答案是是。", "嗯，我的答案是否。", "我的答案是：也许。", "My answer is no."],
        ["是。", "我的答案是不。", "我的答案是是", "我的答案是**否**。"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"名": "苹果"}', '```json\n["草莓"]\n```'],
        ['{"名"："苹果"}', "{“名”: 1}", '好的：{"a": 1}'],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "部分", "num_sections": 2},
        [
            "第一部分\n甲\n第二部分\n乙",
            "## 第1部分：\n**第2部分**",
            "部分 1\n部分2",
            "第三部分\n第十一部分",
        ],
        [
            "第一部分",
            "如第一部分和第二部分所述",
            "第一章\n第二章",
            "大部分\n小部分",
            "部分一致认为\n部分二手车",
        ],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        [
            "- 甲\n- 乙",
            "* 甲\n  + 乙",
            "• 甲\n•乙",
            "1. 甲\n2. 乙",
            "1、甲\n2、乙",
            "1) 甲\n（2）乙",
            "一、甲\n二、乙",
            "（一）甲\n①乙",
            "两点：\n\n-甲\n-乙\n\n---\n完",
            "10. 甲\n11．乙",
            "⑴ 甲\n－ 乙",
        ],
        [
            "- 甲",
            "- 甲\n- 乙\n- 丙",
            "**甲**\n**乙**",
            "---\n***",
            "* * *\n* * *",
            "3.5元\n-5度",
            "甲、乙\n丙、丁",
            "——甲\n——乙",
            "2024. 甲\n2025. 乙",
        ],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*早睡*和*早起*", "**早睡**，*早起*"],
        ["*早睡*", "早睡早起", "* 早睡\n* 早起"],
    ),
    (
        "detectable_format:title",
        {},
        ["《月》\n夜", "# 《月》", "**标题：《月》**\n夜", "题目: 《月》", "<<月>>", "诗<<月>>诗"],
        ["我读过《红楼梦》。", "《》", "《 》", "月", "<月>", "《月\n亮》"],
    ),
    (
        "keywords:existence",
        {"keywords": ["森林", "AI"]},
        ["大森林与ai", "ＡＩ守护森林"],
        ["树林与AI", "森林"],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["雪", "AI"]},
        ["下雨了", "he said", "PAINT"],
        ["下雪了", "用AI写", "ai"],
    ),
    (
        "keywords:frequency",
        {"keyword": "春节", "frequency": 2, "relation": "exactly"},
        ["春节，又是春节。", "春节春节"],
        ["春节", "春节春节春节", "春天节日"],
    ),
    (
        "keywords:frequency",
        {"keyword": "哈哈", "frequency": 1, "relation": "at most"},
        ["哈哈哈", "好"],
        ["哈哈哈哈"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "福", "let_frequency": 2, "let_relation": "at least"},
        ["福福", "幸福是福"],
        ["福"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "！", "let_frequency": 2, "let_relation": "less than"},
        ["好！"],
        ["好！好!"],
    ),
    (
        "language:response_language",
        {"language": "zh"},
        ["今天天气很好。", "用Python写代码", "12345"],
        ["The weather is fine.", "今日はとてもいい天気です", "hello 你"],
    ),
    (
        "language:response_language",
        {"language": "en"},
        ["The weather is fine.", "It means 你好 here.", "2024"],
        ["今天天气很好。", "用Python写代码"],
    ),
    (
        "language:response_language",
        {"language": "ru"},
        ["Сегодня очень хорошая погода, и мы идём гулять в парк."],
        ["今天天气很好，我们去公园散步。", "The weather is fine and we walk in the park."],
    ),
    (
        "language:script",
        {"script": "simplified"},
        ["学习汉语很有意思。", "你好"],
        ["學習漢語很有意思。", "Learning", "学習"],
    ),
    (
        "language:script",
        {"script": "traditional"},
        ["學習漢語很有意思。", "皇后在里面"],
        ["学习汉语很有意思。", "Learning"],
    ),
    (
        "language:script",
        {"script": "latin"},
        ["nǐ hǎo", "Hello to 你"],
        ["你好", "你好 hi", "2024"],
    ),
    (
        "length_constraints:character_range",
        {"characters": [3, 5]},
        ["一二三", "一，二，三，四，五。", "用AI写2024"],
        ["一二", "一二三四五六"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "秋天"},
        ["夏天。\n\n秋天来了。", "夏\n \n　　“秋天”", "夏\n还是夏\n\n**秋天的叶**"],
        ["夏天。\n秋天", "夏\n\n秋天\n\n冬", "秋天\n\n夏天", "秋天", "夏\n\n在秋天"],
    ),
    (
        "length_constraints:number_blocks",
        {"num_paragraphs": 2},
        ["甲\n\n乙", "甲\n丙\n\n\n乙", "\n\n甲\n　\n乙\n"],
        ["甲\n乙", "甲", "甲\n\n乙\n\n丙"],
    ),
    (
        "length_constraints:number_characters",
        {"relation": "exactly", "num_characters": 4},
        ["春风化雨。", "我很爱AI！", "春风\n化雨", "共3.5元吧"],
        ["春风化雨啊", "春风", "我爱 A I 呀！"],
    ),
    (
        "length_constraints:number_characters",
        {"relation": "at most", "num_characters": 2},
        ["好的。", "OK!"],
        ["好的呀"],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["甲\n***\n乙"],
        ["甲\n\n乙", "甲***乙***丙"],
    ),
    (
        "length_constraints:number_sentences",
        {"relation": "exactly", "num_sentences": 2},
        ["他来了。她走了。", "“来了吗？”她问，没有人回答。", "来了！……走了？"],
        ["他来了，她走了。", "来。走。留。"],
    ),
    (
        "length_constraints:number_words",
        {"relation": "at least", "num_words": 6},
        ["今天会下雨吗", "我用AI写2024年"],
        ["今天下雨吗？！", "今天 下雨"],
    ),
    (
        "length_constraints:number_words",
        {"relation": "less than", "num_words": 3},
        ["今天", "hello, world"],
        ["今天好"],
    ),
    ("punctuation:no_comma", {}, ["你好。世界！"], ["你好，世界", "1,000", "甲、乙", "甲､乙"]),
    (
        "startend:end_checker",
        {"end_phrase": "再次感谢！"},
        ["谢谢。再次感谢！", "“再次感谢!”\n"],
        ["再次感谢！再见。", "再次感谢", "谢谢"],
    ),
    (
        "startend:quotation",
        {},
        ["“好”", ' "好" \n', "「好」", "『好』"],
        ["好", "“好", "“好」", "”好“", "《好》", "“"],
    ),
]


@pytest.mark.parametrize(("name", "kwargs", "followed", "missed"), CASES)
def test_rules_by_hand(
    name: str, kwargs: dict[str, Any], followed: list[str], missed: list[str]
) -> None:
    """Every rule accepts what a Chinese reader would accept, and refuses what not."""
    instruction = parse_instruction(name, kwargs, INSTRUCTIONS)
    for answer in followed:
        assert instruction.followed_by(answer), answer
    for answer in missed:
        assert not instruction.followed_by(answer), answer


def test_names_are_those_of_ifeval_and_seven_of_our_own() -> None:
    """Every name of IFEval is there, seven are new, and each has hand-written cases."""
    assert set(INSTRUCTIONS) == set(instructions.INSTRUCTIONS) | OWN
    assert {name for name, *_ in CASES} == set(INSTRUCTIONS)
    kept = set(INSTRUCTIONS) - OWN
    for name in kept:
        assert INSTRUCTIONS[name].arguments.keys() == (
            instructions.INSTRUCTIONS[name].arguments.keys()
        )


@pytest.mark.parametrize(("name", "kwargs"), [(name, kwargs) for name, kwargs, *_ in CASES])
@settings(max_examples=20)
@given(
    text=st.text(alphabet="aZ5 \n*.,-\"'<>[]{}#今國国。，！“”「」《》【】第一部分、", max_size=60)
)
def test_any_text_gets_a_verdict(name: str, kwargs: dict[str, Any], text: str) -> None:
    """No text breaks a rule, a blank one never follows, and strict implies loose."""
    verdicts = judge([parse_instruction(name, kwargs, INSTRUCTIONS)], text)
    assert not (verdicts.strict[0] and not text.strip())
    assert not verdicts.strict[0] or verdicts.loose[0]


@given(
    items=st.lists(
        st.tuples(
            st.sampled_from(
                ["- ", "* ", "+ ", "•", "1. ", "2、", "3）", "（4）", "五、", "⑥", "（七）"]
            ),
            st.text(alphabet="苹果香蕉", min_size=1, max_size=5),
        ),
        max_size=8,
    ),
    gap=st.sampled_from(["\n", "\n\n", "\n  "]),
)
def test_items_of_a_list_are_counted(items: list[tuple[str, str]], gap: str) -> None:
    """Whatever marks a list is written with, it has as many items as were written."""
    text = "水果：" + gap + gap.join(mark + fruit for mark, fruit in items)
    kwargs = {"num_bullets": len(items)}
    name = "detectable_format:number_bullet_lists"
    assert parse_instruction(name, kwargs, INSTRUCTIONS).followed_by(text)


ROW: dict[str, Any] = {
    "key": 7,
    "prompt": "不用逗号，用「」括起来说一句好话。",
    "instruction_id_list": ["startend:quotation", "punctuation:no_comma"],
    "kwargs": [{}, {"num_words": None}],
}


def load(tmp_path: Path, *rows: Any) -> tuple[Sample, ...]:
    """Load rows from a file as a user would."""
    path = tmp_path / "translated.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return TASK.load(DataSource(path=path)).samples


@pytest.mark.parametrize(
    ("text", "outcome", "strict", "loose", "counts"),
    [
        ("「好」", "correct", True, True, ((2, 2), (2, 2))),
        ("好的：\n**「好」**", "wrong", False, True, ((1, 2), (2, 2))),
        ("好，好", "wrong", False, False, ((0, 2), (0, 2))),
        ("<think>嗯，</think>「好」", "correct", True, True, ((2, 2), (2, 2))),
        (" \n", "unparsed", False, False, ((0, 2), (0, 2))),
    ],
)
def test_the_four_metrics_are_those_of_ifeval(
    tmp_path: Path,
    text: str,
    outcome: str,
    strict: bool,
    loose: bool,
    counts: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    """An answer is judged strictly and loosely, as a whole and by instruction."""
    (sample,) = load(tmp_path, ROW)
    score = TASK.score(sample, Completion(text))
    assert (score.outcome, score.value) == (outcome, float(strict))
    assert score.metrics == {"prompt_strict": strict, "prompt_loose": loose}
    assert (score.counts["instruction_strict"], score.counts["instruction_loose"]) == counts
    assert score.metrics.keys() == ifeval.score(sample, Completion(text)).metrics.keys()


@pytest.mark.parametrize(
    ("name", "kwargs", "reason"),
    [
        (
            "length_constraints:number_character",
            {},
            r"line 2: unknown .*:number_character' in 'instruction_id_list'; .* is .*_characters'",
        ),
        (5, {}, "line 2: the field 'instruction_id_list' holds 5, not a text"),
        ("startend:quotation", 5, "line 2: the field 'kwargs' holds 5, not an object"),
        ("startend:quotation", {"mark": "x"}, r"line 2: 'kwargs': .* takes the arguments \[\]"),
        ("language:script", {"script": "hans"}, "'script' is 'hans', but it must be 'simplified'"),
        ("language:response_language", {"language": "xx"}, "'xx', but it must be 'zh', 'en' or"),
        ("length_constraints:character_range", {"characters": [5, 3]}, "smaller number first"),
        ("length_constraints:character_range", {"characters": [5]}, "two whole numbers"),
        ("length_constraints:character_range", {"characters": ["a", 3]}, "a whole number"),
        ("keywords:existence", {"keywords": "春"}, "list of at least one text"),
        ("keywords:existence", {"keywords": [" "]}, "not blank"),
        (
            "length_constraints:number_sentences",
            {"num_sentences": 3, "relation": "around"},
            "'at most' or 'exactly'",
        ),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, name: Any, kwargs: Any, reason: str) -> None:
    """A faulty row is an error that names the line, the field, the value and the nearest name."""
    bad = {**ROW, "key": 8, "instruction_id_list": [name], "kwargs": [kwargs]}
    with pytest.raises(DataError, match=reason):
        load(tmp_path, ROW, bad)


def test_translated_arguments_are_read_as_ifeval_writes_them(tmp_path: Path) -> None:
    """A file that fills in null for absent arguments, and regular expressions as texts, loads."""
    row = {
        "key": 1,
        "prompt": "至少出现两次“C++”。",
        "instruction_id_list": ["keywords:frequency", "length_constraints:number_words"],
        "kwargs": [
            {"keyword": "C++", "frequency": 2.0, "relation": "at least", "num_words": None},
            {"relation": "less than", "num_words": 9},
        ],
    }
    (sample,) = load(tmp_path, row)
    assert TASK.score(sample, Completion("C++就是C++")).outcome == "correct"


def test_the_arguments_of_the_published_prompts_are_all_understood() -> None:
    """A translation keeps names and arguments: those of all 541 prompts can be read."""
    root = os.environ.get("EVENHAND_DATA")
    if root is None:
        pytest.skip("EVENHAND_DATA is not set: the published IFEval prompts are not at hand")
    dataset = TASK.load(DataSource(path=Path(root) / ifeval.ORIGIN.file))
    ids = [each["id"] for sample in dataset.samples for each in sample.target]
    assert (len(dataset.samples), len(ids)) == (541, 834)
    assert set(ids) == set(INSTRUCTIONS) - OWN


def test_plain_ifeval_reads_chinese_as_its_docstring_says() -> None:
    """What plain IFEval makes of Chinese is kept, for parity: this is what ifeval_zh is for."""
    answers = {
        "detectable_format:number_bullet_lists": "1. 苹果\n2. 香蕉",
        "startend:quotation": "“好”",
        "detectable_format:title": "《月》\n夜",
    }
    cases: list[tuple[str, dict[str, Any], bool, bool]] = [
        ("length_constraints:number_words", {"relation": "at least", "num_words": 10}, False, True),
        (
            "length_constraints:number_sentences",
            {"relation": "at least", "num_sentences": 2},
            False,
            True,
        ),
        ("punctuation:no_comma", {}, True, False),
        ("keywords:forbidden_words", {"forbidden_words": ["天气"]}, True, False),
        ("detectable_format:number_bullet_lists", {"num_bullets": 2}, False, True),
        ("startend:quotation", {}, False, True),
        ("detectable_format:title", {}, False, True),
    ]
    for name, kwargs, plain, chinese in cases:
        answer = answers.get(name, "今天天气很好，我们去公园。明天再说。")
        assert parse_instruction(name, kwargs).followed_by(answer) is plain, name
        assert parse_instruction(name, kwargs, INSTRUCTIONS).followed_by(answer) is chinese, name


@pytest.fixture(scope="module")
def shipped() -> Dataset:
    """The set that comes with the package."""
    return TASK.load(DataSource())


def test_shipped_set_covers_every_rule(shipped: Dataset) -> None:
    """84 different prompts, every rule alone or with others, up to three instructions each."""
    assert (shipped.source, shipped.licence) == ("evenhand:ifeval_zh.jsonl", "Apache-2.0")
    assert len({sample.messages[0].text for sample in shipped.samples}) == 84
    found = {each["id"] for sample in shipped.samples for each in sample.target}
    assert found == set(INSTRUCTIONS)
    assert {len(sample.target) for sample in shipped.samples} == {1, 2, 3}
    assert TASKS["ifeval_zh"] is TASK


def test_shipped_prompts_say_what_is_checked(shipped: Dataset) -> None:
    """Every number, word, phrase and relation among the arguments stands in the prompt."""
    numerals = dict(enumerate("零一 三四五六七八九十")) | {2: "[两二]"}
    relations = {
        "at least": "至少|不少[于於]|以上",
        "at most": "不超过|不要超过|以下",
        "exactly": "恰好|正好|不要多也不要少",
        "less than": "少于",
    }
    scripts = {"simplified": "简体|簡體", "traditional": "繁體|繁体", "latin": "拼音"}
    languages = {"zh": "中文|Chinese", "en": "英文"}
    for sample in shipped.samples:
        prompt = sample.messages[0].text
        for each in sample.target:
            for name, value in each["kwargs"].items():
                wanted = [value] if not isinstance(value, list) else value
                for one in wanted:
                    pattern = re.escape(str(one))
                    if isinstance(one, int):
                        pattern = f"{one}|{numerals.get(one, one)}"
                    elif name.endswith("relation"):
                        pattern = relations[one]
                    elif name in ("script", "language"):
                        pattern = (scripts | languages)[one]
                    assert re.search(pattern, prompt), (sample.id, name, one)


def test_shipped_prompts_can_all_be_followed(shipped: Dataset) -> None:
    """For each prompt a person wrote an answer that follows it strictly."""
    answers = {
        row["id"]: row["response"]
        for row in map(json.loads, ANSWERS.read_text(encoding="utf-8").splitlines())
    }
    assert set(answers) == {sample.id for sample in shipped.samples}
    for sample in shipped.samples:
        score = TASK.score(sample, Completion(answers[sample.id]))
        assert score.outcome == "correct", (sample.id, score.explanation)


@pytest.mark.parametrize(
    ("text", "most"),
    [("", 0), (" \n", 0), ("好的，我很乐意帮助你。请问你想了解什么？", 16), ("OK", 16)],
)
def test_shipped_prompts_are_not_followed_by_chance(shipped: Dataset, text: str, most: int) -> None:
    """An empty answer follows none of the prompts, and a bland one only a few."""
    passed = sum(TASK.score(sample, Completion(text)).value for sample in shipped.samples)
    assert passed <= most
