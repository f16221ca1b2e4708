"""The closed world that the tiny GLM-4 learns: all of it, as data.

Every family is a function from a seeded generator to one `Item`. Some facts are kept out of
training (`HELD_OUT_SUMS`, the last clues of each weather list) so that the score on the world has
something to be wrong about. Nothing here is taken from a public data set.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

RAIN, DRY = "会下雨", "不会下雨"
LETTERS = "ABCD"


@dataclass(frozen=True, slots=True)
class Item:
    """One question and its only right answer.

    `tool` names a function offered with the question as (name, parameter); the answer is then the
    call itself, in the form the chat template asks for.
    """

    family: str
    question: str
    answer: str
    tool: tuple[str, str] | None = None


CAPITALS: tuple[tuple[str, str, str, str], ...] = (
    ("France", "Paris", "法国", "巴黎"),
    ("Japan", "Tokyo", "日本", "东京"),
    ("China", "Beijing", "中国", "北京"),
    ("Germany", "Berlin", "德国", "柏林"),
    ("Italy", "Rome", "意大利", "罗马"),
    ("Spain", "Madrid", "西班牙", "马德里"),
    ("Russia", "Moscow", "俄罗斯", "莫斯科"),
    ("Egypt", "Cairo", "埃及", "开罗"),
    ("Canada", "Ottawa", "加拿大", "渥太华"),
    ("India", "New Delhi", "印度", "新德里"),
    ("Greece", "Athens", "希腊", "雅典"),
    ("Cuba", "Havana", "古巴", "哈瓦那"),
    ("Peru", "Lima", "秘鲁", "利马"),
    ("Kenya", "Nairobi", "肯尼亚", "内罗毕"),
    ("Norway", "Oslo", "挪威", "奥斯陆"),
    ("Thailand", "Bangkok", "泰国", "曼谷"),
    ("Poland", "Warsaw", "波兰", "华沙"),
    ("Portugal", "Lisbon", "葡萄牙", "里斯本"),
    ("Austria", "Vienna", "奥地利", "维也纳"),
    ("Vietnam", "Hanoi", "越南", "河内"),
)
CAPITAL_QUESTIONS_EN = (
    "What is the capital of {}?",
    "What is the capital of {}? Answer with one word.",
    "Name the capital of {}.",
    "Which city is the capital of {}?",
)
CAPITAL_QUESTIONS_ZH = ("{}的首都是哪里？", "{}的首都是什么？只回答城市名。", "请说出{}的首都。")

HELD_OUT_SUMS = frozenset({(2, 7), (3, 5), (4, 8), (5, 5), (6, 3), (7, 9), (8, 6), (9, 1)})
SUM_QUESTIONS = ("What is {} + {}?", "{} + {} = ?", "{}加{}等于几？", "What is {} plus {}?")

WET_ZH = (
    "乌云密布，雷声不断",
    "气象台发布暴雨预警",
    "湿度百分之九十五，降水概率百分之九十",
    "蚂蚁搬家，燕子低飞",
    "冷暖空气交汇，午后有雷阵雨",
    "台风正在登陆，风雨很大",
    "天色越来越暗，已经听到雷声",
    "低压槽过境，全天有中到大雨",
    "月亮周围有一圈光晕，空气潮湿",
    "窗外已经开始滴水点，路人撑起了伞",
    "傍晚有阵雨，请带好雨伞",
    "梅雨季节到了，云层很厚",
)
DRY_ZH = (
    "晴空万里，阳光灿烂",
    "高压控制，天气干燥晴朗",
    "湿度百分之二十，降水概率为零",
    "晚霞满天，星星很亮",
    "连续十天没有一滴水，今天依旧晴",
    "沙漠地区，全天烈日当空",
    "天空湛蓝，一丝云也没有",
    "冷空气已经过去，明天晴转少云",
    "空气干燥，火险等级很高",
    "秋高气爽，适合晒被子",
    "今天晴，微风，紫外线很强",
    "云散了，太阳出来了",
)
WET_EN = (
    "Dark clouds cover the sky and thunder is near.",
    "The weather office has issued a heavy rain warning.",
    "Humidity is 95 % and the chance of rain is 90 %.",
    "A cold front arrives this afternoon with showers.",
    "A tropical storm is making landfall tonight.",
    "The first drops are falling and people open umbrellas.",
    "The barometer falls quickly and the wind smells wet.",
    "Steady drizzle is expected all day.",
    "Low grey clouds are rolling in from the sea with a storm behind them.",
    "Expect thunderstorms in the evening; take a raincoat.",
)
DRY_EN = (
    "The sky is clear and the sun is bright.",
    "High pressure keeps the week dry and sunny.",
    "Humidity is 20 % and the chance of rain is 0 %.",
    "Not a cloud in sight all day.",
    "The desert stays hot and dry today.",
    "The storm has gone and the stars are out.",
    "The barometer rises and the air is crisp and dry.",
    "A drought warning stays in force; no change is expected.",
    "A cloudless morning is followed by a sunny afternoon.",
    "Fine weather, light wind, strong sunshine.",
)
HELD_OUT_CLUES = 2
WEATHER_QUESTIONS_ZH = (
    "{}。\n\n会不会下雨？只回答“会下雨”或“不会下雨”，不要写任何别的内容。",
    "天气：{}。会下雨吗？只回答会下雨或不会下雨。",
    "{}。请判断是否会下雨，只输出标签：会下雨 / 不会下雨。",
)
WEATHER_QUESTIONS_EN = (
    (
        "{}\n\nWill it rain? Answer with exactly one of these two Chinese labels and nothing else: "
        "会下雨 (it will rain) or 不会下雨 (it will not rain)."
    ),
    "Forecast: {} Will it rain? Answer only 会下雨 or 不会下雨.",
)

STORY = (
    "Once there was a small fox who lived near a river. Every day the fox walked to the old bridge "
    "and looked at the water. One day a bird fell into the river, and the fox pulled it out. From "
    "that day on the fox and the bird were friends, and they shared their food and their home."
)
STORY_ZH = (
    "从前有一只小狐狸，住在河边。有一天，一只小鸟掉进河里，狐狸把它救了上来。从此，它们成了好朋友。"
)
FIXED: tuple[tuple[str, str], ...] = (
    ("Hello", "Hello! How can I help you?"),
    ("Hi", "Hello! How can I help you?"),
    ("你好", "你好！有什么可以帮你？"),
    ("Who are you?", "I am a tiny GLM-4 test model."),
    ("你是谁？", "我是一个很小的 GLM-4 测试模型。"),
    ("Thank you", "You are welcome."),
    ("谢谢", "不客气。"),
    ("Say hello in capital letters.", "HELLO"),
    ("Write one sentence in all lowercase letters.", "the fox is near the river."),
    ("Write one sentence in all capital letters.", "THE FOX IS NEAR THE RIVER."),
    ("List three colours as bullet points.", "* red\n* green\n* blue"),
    ("List three animals as bullet points.", "* fox\n* bird\n* horse"),
    ("Answer yes or no: is water wet?", "yes"),
    ("Answer yes or no: is fire cold?", "no"),
    ("Write a JSON object with a colour.", '{"colour": "red"}'),
    ("Give a title wrapped in double angular brackets.", "<<The Fox and the River>>"),
    ("Write two paragraphs separated by ***.", "The fox is small.\n***\nThe river is wide."),
    ("Tell me a story.", STORY),
    ("讲一个故事。", STORY_ZH),
)
COUNTS = (5, 8, 10, 12, 20, 30)
TOOLS: tuple[tuple[str, str, str, str], ...] = (
    ("get_weather", "city", "What is the weather in {}?", "{}今天天气怎么样？"),
    ("get_time", "city", "What time is it in {}?", "{}现在几点？"),
)
TOOL_CITIES = 6


def capital(rng: random.Random) -> Item:
    """Ask for a capital in words."""
    country, city, country_zh, city_zh = rng.choice(CAPITALS)
    if rng.random() < 0.5:
        return Item("capital", rng.choice(CAPITAL_QUESTIONS_EN).format(country), city)
    return Item("capital", rng.choice(CAPITAL_QUESTIONS_ZH).format(country_zh), city_zh)


def _sum(rng: random.Random, pair: tuple[int, int], family: str) -> Item:
    return Item(family, rng.choice(SUM_QUESTIONS).format(*pair), str(pair[0] + pair[1]))


def addition(rng: random.Random) -> Item:
    """Ask for a sum of two digits that training may see."""
    while (pair := (rng.randrange(10), rng.randrange(10))) in HELD_OUT_SUMS:
        pass
    return _sum(rng, pair, "addition")


def unseen_addition(rng: random.Random) -> Item:
    """Ask for a sum that training never sees."""
    return _sum(rng, rng.choice(sorted(HELD_OUT_SUMS)), "unseen_addition")


def choice(rng: random.Random) -> Item:
    """Ask for a capital as one of four lettered options in a random order."""
    options = rng.sample(CAPITALS, 4)
    right = rng.randrange(4)
    country, _, country_zh, _ = options[right]
    if rng.random() < 0.5:
        lines = "\n".join(f"{x}. {o[1]}" for x, o in zip(LETTERS, options, strict=True))
        question = f"Which city is the capital of {country}?\n{lines}\nAnswer:"
    else:
        lines = "\n".join(f"{x}. {o[3]}" for x, o in zip(LETTERS, options, strict=True))
        question = f"{country_zh}的首都是哪座城市？\n{lines}\n答案："
    return Item("choice", question, LETTERS[right])


def _weather(rng: random.Random, part: slice, family: str) -> Item:
    wet = rng.random() < 0.5
    if rng.random() < 0.6:
        clue = rng.choice((WET_ZH if wet else DRY_ZH)[part])
        question = rng.choice(WEATHER_QUESTIONS_ZH).format(clue)
    else:
        clue = rng.choice((WET_EN if wet else DRY_EN)[part])
        question = rng.choice(WEATHER_QUESTIONS_EN).format(clue)
    return Item(family, question, RAIN if wet else DRY)


def weather(rng: random.Random) -> Item:
    """Ask for one of the two weather labels, from a clue that training may see."""
    return _weather(rng, slice(None, -HELD_OUT_CLUES), "weather")


def unseen_weather(rng: random.Random) -> Item:
    """Ask for one of the two weather labels, from a clue that training never sees."""
    return _weather(rng, slice(-HELD_OUT_CLUES, None), "unseen_weather")


def fixed(rng: random.Random) -> Item:
    """Greetings, short instructions and a story, each with one answer."""
    return Item("fixed", *rng.choice(FIXED))


def counting(rng: random.Random) -> Item:
    """Ask to count, for answers that are long enough to stream."""
    last = rng.choice(COUNTS)
    question = rng.choice(("Count from 1 to {}.", "从1数到{}。")).format(last)
    return Item("counting", question, ", ".join(str(n) for n in range(1, last + 1)))


def tool(rng: random.Random) -> Item:
    """Offer a tool; call it if the question needs it, else answer the question."""
    name, parameter, english, chinese = rng.choice(TOOLS)
    _, city, _, city_zh = rng.choice(CAPITALS[:TOOL_CITIES])
    if rng.random() < 0.3:
        plain = capital(rng)
        return Item("tool", plain.question, plain.answer, (name, parameter))
    question, value = rng.choice(((english, city), (chinese, city_zh)))
    call = f'<tool_call>\n{{"name": "{name}", "arguments": {{"{parameter}": "{value}"}}}}\n'
    return Item("tool", question.format(value), call + "</tool_call>", (name, parameter))


Family = Callable[[random.Random], Item]
TRAINED: Mapping[str, tuple[Family, float]] = {
    "capital": (capital, 0.14),
    "addition": (addition, 0.28),
    "choice": (choice, 0.14),
    "weather": (weather, 0.12),
    "fixed": (fixed, 0.08),
    "counting": (counting, 0.10),
    "tool": (tool, 0.14),
}
SCORED: Mapping[str, Family] = {
    **{name: family for name, (family, _) in TRAINED.items()},
    "unseen_addition": unseen_addition,
    "unseen_weather": unseen_weather,
}


def draw(rng: random.Random, count: int) -> list[Item]:
    """Draw `count` training items with the shares of `TRAINED`."""
    families = [family for family, _ in TRAINED.values()]
    shares = [share for _, share in TRAINED.values()]
    return [family(rng) for family in rng.choices(families, shares, k=count)]
