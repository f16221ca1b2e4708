"""Text for the tokenizer: sentences put together from our own word lists, and the closed world.

A byte-pair encoding learns the commonest pieces of its text. The lists below are plain everyday
words, written down by hand for this purpose; the sentences are generated with a fixed seed and
mean nothing.
"""

import random

from world import FIXED, draw

NOUNS = """
time year people way day man woman child world school state family student group country problem
hand part place case week company system program question work government number night point home
water room mother father area money story fact month lot right study book eye job word business
issue side kind head house service friend power hour game line end member law car city community
name president team minute idea body information back parent face level office door health person
art war history party result change morning reason research girl boy guy moment air teacher force
education food language paper music market sense nation plan college interest death experience
effect use class control field development role effort rate heart drug show leader light voice wife
police mind price report decision son view relationship town road arm difference value building
action season society tax director position player record bank model training computer energy
sentence paragraph letter answer example message response request parameter temperature server
token sample score test engine weather rain cloud wind sun snow storm river mountain sea forest
animal dog cat bird fish horse tree flower fruit bread rice tea coffee milk sugar salt colour
winter summer spring autumn north south east west king queen doctor nurse farmer driver writer
artist engine machine phone camera picture screen table chair window kitchen garden street bridge
train plane ship station airport hotel restaurant shop library museum theatre hospital university
science mathematics physics chemistry biology geography philosophy religion culture tradition
function object string list value error file code data network memory process thread method
"""
VERBS = """
be have do say get make go know take see come think look want give use find tell ask work seem feel
try leave call need become put mean keep let begin help talk turn start show hear play run move like
live believe hold bring happen write provide sit stand lose pay meet include continue set learn
change lead understand watch follow stop create speak read allow add spend grow open walk win offer
remember love consider appear buy wait serve die send expect build stay fall cut reach kill remain
suggest raise pass sell require report decide pull return explain carry describe develop receive
agree support hit produce eat cover catch draw choose cause answer count compare measure translate
summarise generate complete improve reduce increase check join prefer protect discover travel
"""
ADJECTIVES = """
good new first last long great little own other old right big high different small large next early
young important few public bad same able possible late hard major better economic strong whole free
real best left true short clear recent certain personal open red difficult available likely single
current wrong private past foreign fine common poor natural significant similar hot dead central
happy serious ready simple left physical general environmental financial blue democratic dark
various entire close legal final main green nice huge popular traditional cultural warm cold quiet
bright heavy light quick slow deep wide narrow empty full clean dirty rich safe dangerous famous
"""
SMALL = """
the of and to a in that it is was for on with he as you at this but his by from they we say her she
or an will my one all would there their what so up out if about who get which go me when can like no
just him know take into your some could them than then now only its over also after how our well
even because any these most us are were been has had did not very more much many such here why where
both each between under again never always often sometimes however although while until since before
during without within through against toward upon please thank yes hello answer exactly must should
"""
PAIRS_ZH = """
我们 你们 他们 这个 那个 什么 怎么 为什么 因为 所以 但是 如果 可以 应该 需要 已经
还是 或者 没有 不是 就是 一个 一些 很多 所有 今天 明天 昨天 现在 时候 时间 早上
晚上 中午 下午 上午 星期 月份 去年 今年 明年 以前 以后 人们 朋友 老师 学生 孩子
父母 妈妈 爸爸 先生 女士 医生 工人 农民 作家 国家 城市 农村 世界 社会 政府 公司
学校 大学 医院 商店 超市 银行 车站 机场 公园 图书馆 博物馆 饭店 家庭 房子 房间 厨房
花园 街道 道路 河流 高山 大海 天空 太阳 月亮 星星 云彩 风雨 下雨 下雪 晴天 阴天
天气 气温 春天 夏天 秋天 冬天 东方 西方 南方 北方 中间 旁边 问题 回答 答案 句子
段落 文字 语言 中文 英文 故事 消息 新闻 报告 文章 书本 电影 音乐 艺术 历史 文化
传统 科学 技术 数学 物理 化学 生物 地理 哲学 经济 政治 法律 教育 健康 环境 能源
工业 农业 交通 通信 网络 电脑 手机 软件 程序 数据 模型 参数 温度 采样 评测 分数
结果 错误 原因 方法 系统 服务 请求 响应 引擎 测试 训练 知识 智能 人工 喜欢 知道
认为 觉得 希望 想要 开始 结束 继续 帮助 学习 工作 生活 吃饭 喝水 睡觉 走路 跑步
唱歌 跳舞 画画 写字 读书 说话 听见 看见 发现 研究 解决 提高 发展 变化 增加 减少
选择 比较 说明 解释 介绍 翻译 总结 描述 记住 忘记 重要 简单 复杂 容易 困难 美丽
高兴 难过 安静 热闹 干净 明亮 黑暗 温暖 寒冷 新鲜 古老 年轻 巨大 微小 快速 缓慢
红色 绿色 蓝色 白色 黑色 黄色 苹果 香蕉 米饭 面条 茶叶 咖啡 牛奶 鸡蛋 蔬菜 水果
小狗 小猫 小鸟 鱼儿 马儿 狐狸 请问 只要 不要 任何 其他 内容 标签 判断 输出 是否
以下 正确 选项 首都 哪里 等于 加上 减去 乘以 除以 数字 第一 第二 第三 左边 右边
里面 外面 上面 下面 非常 特别 比较 一直 经常 有时 从来 终于 突然 慢慢 一起 互相
自己 大家
"""
ENDINGS = ("", "", "", "s", "ed", "ing", "ly", "er")


def _english(rng: random.Random) -> str:
    noun, verb, adjective, small = (x.split() for x in (NOUNS, VERBS, ADJECTIVES, SMALL))
    words: list[str] = []
    for _ in range(rng.randrange(2, 6)):
        words += rng.choices(small, k=rng.randrange(1, 4))
        words += [rng.choice(adjective), rng.choice(noun) + rng.choice(("", "", "s"))]
        words += [rng.choice(verb) + rng.choice(ENDINGS)]
    first = words[0].capitalize() if rng.random() < 0.8 else words[0].upper()
    return " ".join([first, *words[1:]]) + rng.choice((".", ".", ".", "?", "!", ":", ";"))


def _chinese(rng: random.Random) -> str:
    words = PAIRS_ZH.split()
    clauses = [
        "的".join("".join(rng.choices(words, k=rng.randrange(1, 4))) for _ in range(2))
        for _ in range(rng.randrange(1, 4))
    ]
    return "，".join(clauses) + rng.choice(("。", "。", "。", "？", "！"))


def texts(seed: int, sentences: int) -> list[str]:
    """Make the tokenizer's training text: generated sentences in both languages and world items."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable corpus, nothing secret
    made = [_english(rng) if rng.random() < 0.6 else _chinese(rng) for _ in range(sentences)]
    made += [f"{question}\n{answer}" for question, answer in FIXED]
    made += [f"{item.question}\n{item.answer}" for item in draw(rng, sentences // 10)]
    return made
