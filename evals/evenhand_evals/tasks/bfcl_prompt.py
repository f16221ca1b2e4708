"""BFCL by prompting: the functions stand in the system message, the calls in the answer's text.

The categories, files, rules and traps are those of `bfcl.py`; what differs is how a model is asked
and read. The system message is BFCL's default (bfcl-eval 2026.3.23, `constants/default_prompts.py`:
its plain "classic" format with the functions as JSON), placed before the item's own system message
where there is one. Names keep their dots. The answer must be `[f(a=1), g(b="x")]` and nothing else:
it is parsed as Python, in the Java and JavaScript categories as a call in these languages. Fences
and missing brackets are forgiven, any other word is not, as on the leaderboard. Thinking text is
removed first.

In Java, BFCL's decoder loses the body of `new HashMap<>() {{ ... }}`, so `simple_java_1`, `_67` and
`_68`, which need one, are wrong unless the map is written within quotes. Where the official
decoders are not followed is said in `scorers/calls_python.py` (they run arithmetic that an answer
holds) and `scorers/calls_java_source.py` (they stumble over letters beyond ASCII).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from evenhand_evals.scorers.calls import Call, Language
from evenhand_evals.scorers.calls_java_source import java_calls
from evenhand_evals.scorers.calls_javascript_source import javascript_calls
from evenhand_evals.scorers.calls_python import python_calls
from evenhand_evals.scorers.thinking import answer_of
from evenhand_evals.tasks.bfcl_items import Category, documented, variants
from evenhand_evals.types import Chat, Completion, Message, Task

SYSTEM = (
    "You are an expert in composing functions."
    "You are given a question and a set of possible functions. Based on the question, you will "
    "need to make one or more function/tool calls to achieve the purpose. If none of the functions "
    "can be used, point it out. If the given question lacks the parameters required by the "
    "function, also point it out.\n\n"
    "You should only return the function calls in your response.\n\n"
    "If you decide to invoke any of the function(s), you MUST put it in the format of "
    "[func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)]. "
    " You SHOULD NOT include any other text in the response.\n\n"
    "At each turn, you should try your best to complete the tasks requested by the user within the "
    "current turn. Continue to output functions to call until you have fulfilled the user's "
    "request to the best of your ability. Once you have no more functions to call, the system will "
    "consider the current turn complete and proceed to the next turn or task.\n\n"
    "Here is a list of functions in json format that you can invoke.\n{functions}\n"
)
"""BFCL's system message, to the byte; what looks like slips in it is BFCL's own."""

_READERS: Final[Mapping[Language, Callable[[str], tuple[Call, ...]]]] = MappingProxyType(
    {"python": python_calls, "java": java_calls, "javascript": javascript_calls}
)


def system_message(category: Category, functions: Sequence[Mapping[str, Any]]) -> str:
    """Give the system message for some functions."""
    shown = [documented(category, function) for function in functions]
    return SYSTEM.replace("{functions}", json.dumps(shown, indent=4))


def _ask(
    category: Category, messages: Sequence[Message], functions: Sequence[Mapping[str, Any]]
) -> Chat:
    ours = system_message(category, functions)
    first, *rest = messages
    if first.role != "system":
        return Chat((Message("system", ours), *messages))
    return Chat((Message("system", f"{ours}\n\n{first.text}"), *rest))


def prompted_calls(category: Category, completion: Completion) -> tuple[Call, ...]:
    """Read the calls of an answer's text.

    Raises:
        Unreadable: it is not a list of calls.

    """
    return _READERS[category.language](answer_of(completion.text).text)


def _as_it_is(name: str) -> str:
    return name


TASKS: Final[Mapping[str, Task]] = variants("_prompt", "prompted", _ask, prompted_calls, _as_it_is)
