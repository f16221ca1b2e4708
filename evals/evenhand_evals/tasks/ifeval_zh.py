"""Verifiable instructions in Chinese: IFEval's kinds, with a checker that can read Chinese.

IFEval (Zhou et al. 2023, arXiv:2311.07911) counts English words; GLM-4's report (arXiv:2406.12793)
gives figures for IFEval translated into Chinese. That translation is not part of Evenhand. A set of
our own ships instead, so figures of the two cannot be compared; a translation of yours in IFEval's
form (JSON lines with `key`, `prompt`, `instruction_id_list`, `kwargs`) is read with `--data FILE`.
The prompt is the item's own text as one user message. The four metrics, the loose variants and the
removal of thinking text are those of `ifeval`, by the same code; an empty answer follows nothing.

IFEval's names and arguments are kept where the meaning is the same. A relation is `less than`, `at
least`, `at most` or `exactly`. Keywords, phrases and markers are plain texts; they are compared
after NFKC and case folding, so that `：` is `:` and `Ａ` is `a`.

Length:

- `length_constraints:number_characters` (ours), `length_constraints:number_words`: each character
  of Script=Han is one, so is each kana and Bopomofo letter; a run of other letters and digits is
  one (`AI`, `2024`, `3.14`, `GPT-4`). Punctuation, white space, symbols and emoji are not counted.
- `length_constraints:character_range` (ours): the same count, within `characters`,
  such as `[80, 120]`, both included.
- `length_constraints:number_sentences`: a run of `。！？!?…` ends a sentence, closing quotation
  marks and brackets after it included; so does an ASCII full stop after a Han character, and after
  another word before white space. Commas, `；`, `：` and line breaks end none. Text after the last
  mark is a sentence, punctuation alone is none. `“好！”他说。` is two.
- `length_constraints:number_paragraphs`: exactly so many texts between `***`, as in IFEval.
- `length_constraints:number_blocks` (ours): exactly so many texts between blank lines.
- `length_constraints:nth_paragraph_first_word`: exactly so many texts between blank lines; the nth
  begins with a text, after opening quotation marks, asterisks and blanks. No word end is looked
  for.

Script, language and case:

- `language:script` (ours): `latin`: more than half of the units that hold a letter are Latin words.
  `simplified`, `traditional`: the text is Chinese, and of its characters that are in use in one of
  the two forms only (a table of 634 frequent pairs), at most one in twenty is of the other. A text
  without any of them is both.
- `language:response_language`: `zh`: more than half of the units with a letter are Script=Han, and
  fewer than a tenth kana. `en`: more than half are Latin words, so that French passes too. Any
  other language is told by langdetect, as in IFEval. A text without letters follows.
- `change_case:english_capital`, `change_case:english_lowercase`: case is looked at in Latin letters
  only, and more than half of the units must be Latin words.
- `change_case:latin_capital`, `change_case:latin_lowercase` (ours): the same inside Chinese text;
  there must be a Latin letter.
- `change_case:capital_word_frequency`: Latin words without a lower-case letter.

Words and characters:

- `keywords:existence`, `keywords:frequency`: anywhere, as Chinese has no word borders; occurrences
  that overlap count once.
- `keywords:forbidden_words`: anywhere; a Latin word not inside a longer Latin word.
- `keywords:letter_frequency`: one character of any script.
- `punctuation:no_comma`: no `，`, `、` or `,`, nor their small and half-width forms.

Parts and form:

- `startend:end_checker`: the last text, but for white space and double quotation marks.
- `startend:quotation`: the first and the last character are a pair: `“”`, `「」`, `『』` or `""`.
- `detectable_format:title`: a line that is nothing but `《...》`, or `<<...>>` anywhere.
- `detectable_format:number_bullet_lists`: exactly so many lines that begin with `* `, `+ `, `-`,
  `•` and their like, `1.`, `1、`, `1)`, `（1）`, `①`, `一、` or `（一）`, at any depth.
- `detectable_format:number_highlighted_sections`: at least so many `*...*`, as in IFEval.
- `detectable_format:multiple_sections`: at least so many lines that begin with `第一部分`,
  `第1部分` or `部分1`, where `部分` is the `section_spliter`.
- `detectable_format:json_format`: the whole text is JSON, Markdown fences aside, as in IFEval.
- `detectable_format:constrained_response`: `我的答案是是。`, `我的答案是否。` or `我的答案是也许。`
  occurs (a colon may follow the first `是`), or IFEval's English sentence.
- `detectable_format:constrained_options` (ours): the whole text is one of the `options`.
- `detectable_content:number_placeholders`: at least so many `[...]` or `【...】` that are not
  blank.
- `detectable_content:postscript`: the marker (`P.S.`, `附言：`) occurs anywhere.
- `combination:repeat_prompt`: the text begins with the request.
- `combination:two_responses`: exactly two different texts with `******` between, as in IFEval.
"""

from dataclasses import replace

from evenhand_evals.scorers.instructions_chinese import INSTRUCTIONS
from evenhand_evals.tasks import ifeval
from evenhand_evals.tasks.sources import find_shipped
from evenhand_evals.types import Completion, Dataset, DataSource, Sample, Score, Task

FILE = "ifeval_zh.jsonl"


def load(source: DataSource) -> Dataset:
    """Load the shipped set, or a file of the user's in IFEval's form."""
    found = find_shipped(source, FILE)
    samples = tuple(
        replace(each, metadata={**each.metadata, "language": "zh"})
        for each in ifeval.read_samples(found, INSTRUCTIONS)
    )
    licence = "Apache-2.0" if source.path is None else "unknown"
    return Dataset(samples, found.source, found.revision, found.sha256, licence)


def score(sample: Sample, completion: Completion) -> Score:
    """Judge an answer as `ifeval` does, by the rules for Chinese."""
    return ifeval.score_by(INSTRUCTIONS, sample, completion)


TASK = Task(
    name="ifeval_zh",
    title="Verifiable instructions in Chinese",
    headline="prompt_strict",
    version="1",
    load=load,
    score=score,
    max_tokens=1280,
    data="shipped with evenhand, or --data FILE in IFEval's form",
)
