"""Answers to questions of multiple choice in many manners, made by a seeded program of ours.

They are what extractors are compared on: bare letters, Markdown, LaTeX boxes, English, Chinese and
other languages, several letters in one answer, quoted options, refusals, silence, thinking text,
and random strings of all of these.
"""

import random

OPTIONS = ("the kidneys", "肝脏", "0.5", "None of the above")

_STATED = (
    "{x}",
    "({x})",
    "{x}.",
    "{x}. {option}",
    "**{x}**",
    "**{x}.** {option}",
    "Answer: {x}",
    "answer: {x}",
    "ANSWER : {x}",
    "Answer: ({x})",
    "Answer: **{x}**",
    "**Answer: {x}**",
    "Answer: $\\boxed{{{x}}}$",
    "Answer: \\boxed{{\\text{{{x}}}}}",
    "\\boxed{{{x}}}",
    "Answer: ${x}$",
    "Answer:\n{x}",
    "Answer:\u200b\u200b\u200b\u200b\u200b\u200b {x}",
    "Antwort: {x}",
    "Respuesta: {x}",
    "Réponse : {x}",
    "정답: {x}",
    "答え：{x}",
    "回答: {x}",
    "إجابة: {x}",
    "The answer is {x}.",
    "the answer is ({x})",
    "The answer is **{x}**.",
    "The correct answer is option {x}",
    "The correct answer is: \\boxed{{{x}}}",
    "So the correct option is {x}, {option}.",
    "I choose {x}",
    "{x} is correct.",
    "Option {x} is the right one.",
    "{y} is wrong.",
    "It is not {y} but {x}.",
    "If the answer is {y} then nothing follows, so the answer is ({x}).",
    "The answer is {y} or {x}.",
    "答案：{x}",
    "答案: {x}",
    "答案是{x}",
    "答案是：{x}。",
    "答案是 {x}",
    "答案为{x}。",
    "答案应该是{x}",
    "答案选{x}",
    "正确答案是选项{x}。",
    "所以答案是{x}。",
    "因此，所以答案是 {x} 。",
    "故选{x}",
    "故选：{x}。",
    "选择{x}",
    "选 {x}",
    "应选{x}项",
    "{x}是正确的",
    "选项{x}正确",
    "{x}选项正确，{y}选项错误",
    "{y}不正确，{x}正确",
    "正确的选项是{x}",
    "只有{x}符合题意",
    "{x}项符合题意",
    "本题当选{x}，{y}不当选",
    "{x}、{y}都当选",
    "显然{x}",
    "因此 {x}",
    "1. {x}",
    "1. {option}",
    "不是{y}，是{x}",
    "我认为是：{x}",
    "根据DNA的结构，答案是 {x}",
    "{option}",
    "答案是“{option}”。",
    "Ａnswer：{x}",
    "答案：Ｂ",
)
_OTHER = (
    "",
    " ",
    "\n",
    "\n\n",
    "I cannot answer this question.",
    "A careful reader would decline.",
    "I'm sorry, but as an AI I can't help with that.",
    "抱歉，我无法回答这个问题。",
    "The DNA of E. coli",
    "Let me think step by step.",
    "让我们一步一步思考，",
    "Question: what follows?",
    "ABCD",
    "A B C D",
    "a",
    "E",
    "Answer: E",
    "Answer: none",
    "</s>",
    "N/A",
    "1.",
    "答案",
    "正确",
    "$$x^2 = 4$$",
    "<think>Is it A? The answer is A.</think>",
    "<think>The answer is B",
)
_JOINTS = ("", " ", "\n", "\n\n", "。", ", ", "；", ". ")


def answers(seed: int = 0, count: int = 4000, letters: str = "ABCD") -> list[str]:
    """Give the same answers for the same arguments: every manner once, then mixtures of them."""
    draw = random.Random(seed)

    def one(manner: str) -> str:
        x, y = draw.sample(letters, 2)
        option = OPTIONS[letters.index(x) % len(OPTIONS)]
        return manner.format(x=x, y=y, option=option)

    made = [one(manner) for manner in _STATED for _ in range(3)] + list(_OTHER)
    while len(made) < count:
        parts = []
        for _ in range(draw.randint(1, 4)):
            other = draw.random() < 0.25
            parts.append(draw.choice(_OTHER) if other else one(draw.choice(_STATED)))
            parts.append(draw.choice(_JOINTS))
        made.append("".join(parts))
    return made
