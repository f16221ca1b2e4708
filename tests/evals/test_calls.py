"""Calls compared with the accepted ones, and read out of Python, Java and JavaScript."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evenhand_evals.scorers.calls import Call, Expected, Unreadable, call_mistake, mistake
from evenhand_evals.scorers.calls_java import java_value
from evenhand_evals.scorers.calls_java_source import java_calls
from evenhand_evals.scorers.calls_javascript import javascript_value
from evenhand_evals.scorers.calls_javascript_source import javascript_calls
from evenhand_evals.scorers.calls_python import python_calls

STRING, INTEGER, FLOAT = {"type": "string"}, {"type": "integer"}, {"type": "float"}
OBJECT: dict[str, Any] = {"type": "dict"}


def listed(kind: str) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": {"type": kind}}


def expected(schema: dict[str, Any], *accepted: Any) -> Expected:
    """A function `f` with one argument `x`, required unless it may be left out."""
    return Expected("f", {"x": schema}, () if "" in accepted else ("x",), {"x": accepted})


def accepts(schema: dict[str, Any], accepted: list[Any], value: Any) -> bool:
    """Whether a value passes for the accepted ones."""
    return call_mistake(Call("f", {"x": value}), expected(schema, *accepted)) is None


@pytest.mark.parametrize(
    ("schema", "accepted", "value", "right"),
    [
        (STRING, ["New York, NY"], "new york ny", True),
        (STRING, ["it's"], 'IT"S', True),
        (STRING, ["a:b"], "ab", False),
        (INTEGER, [5], 5, True),
        (INTEGER, [5], 5.0, False),
        (INTEGER, [1], True, False),
        (INTEGER, [5], "5", False),
        (INTEGER, ["n"], "n", True),
        (INTEGER, ["n"], "N", False),
        (FLOAT, [5.0], 5, True),
        (FLOAT, [5.0], 10**400, False),
        (FLOAT, [None, ""], None, True),
        ({"type": "boolean"}, [True], 1, False),
        (listed("string"), [["a b", "c"]], ["AB", "c"], True),
        (listed("string"), [["a", "c"]], ["c", "a"], False),
        (listed("string"), [["a"]], ("a",), False),
        ({"type": "tuple", "items": FLOAT}, [[1.0]], (1.0,), True),
        (listed("integer"), [[1, 2]], [1.0, 2.0], False),
        (listed("integer"), ["", [1]], [], True),
        (listed("string"), ["ab"], ["a", "b"], False),
        (OBJECT, [{"k": ["v", ""], "n": [1]}], {"n": 1}, True),
        (OBJECT, [{"k": ["v", ""], "n": [1]}], {"k": "V"}, False),
        (OBJECT, [{"n": [1]}], {"n": 1, "m": 2}, False),
        (listed("dict"), [[{"a": [1]}, {"a": [2]}]], [{"a": 1}, {"a": 2}], True),
        (listed("dict"), [[{"a": [1]}, {"a": [2]}]], [{"a": 2}, {"a": 1}], False),
        (listed("dict"), [[{"a": [1]}]], [], False),
        (listed("dict"), ["", [{"a": [1]}]], [7], False),
        ({"type": "no such type"}, ["a"], "a", False),
    ],
)
def test_values(schema: dict[str, Any], accepted: list[Any], value: Any, right: bool) -> None:
    """Types count as BFCL counts them, and texts, lists and objects are equal in its sense."""
    assert accepts(schema, accepted, value) is right


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (Call("g", {"x": 1}), "'g' is called, not 'f'"),
        (Call("f", {}), "the required 'x' is missing"),
        (Call("f", {"x": 1, "y": 2}), "'y' is not expected"),
        (Call("f", {"x": 1, None: 2}), "None is not expected"),
        (Call("f", {"x": 2}), "'x': 2 is none of (1,)"),
        (Call("f", {"x": "1"}), "'x': '1' is not of the type integer"),
    ],
)
def test_reasons(call: Call, reason: str) -> None:
    """What is wrong with a call is said."""
    assert call_mistake(call, expected(INTEGER, 1)) == reason


def test_left_out() -> None:
    """An argument may be left out if the empty text is accepted, required or not."""
    wanted = Expected("f", {"x": INTEGER, "y": INTEGER}, (), {"x": ["", 1], "y": [2]})
    assert call_mistake(Call("f", {"y": 2}), wanted) is None
    missing = call_mistake(Call("f", {"x": 1}), wanted)
    assert missing == "'y' is missing and may not be left out"


def test_several_in_any_order() -> None:
    """Each expected call takes a call of its own, whatever their order."""
    wanted = [expected(INTEGER, 1), expected(INTEGER, 1, 2)]
    one, two = Call("f", {"x": 1}), Call("f", {"x": 2})
    assert mistake([two, one], wanted) is None
    assert mistake([one, one], wanted) is None
    assert mistake([one], wanted) == "1 calls instead of 2"
    assert mistake([two, two], wanted) == (
        "no call is the expected f: 'x': 2 is none of (1,); 'x': 2 is none of (1,)"
    )


def test_first_fit_is_taken() -> None:
    """As in BFCL, a call that fits an earlier expectation is gone for a later one."""
    wanted = [expected(INTEGER, 1, 2), expected(INTEGER, 1)]
    assert mistake([Call("f", {"x": 1}), Call("f", {"x": 2})], wanted) is not None


@pytest.mark.parametrize(
    ("text", "kind", "item", "value"),
    [
        ("5", "integer", None, 5),
        ("5.0", "integer", None, "5.0"),
        ("5L", "long", None, 5),
        ("5", "long", None, "5"),
        ("1.5f", "float", None, 1.5),
        ("1.5", "float", None, "1.5"),
        ("1e3", "double", None, 1000.0),
        ("true", "boolean", None, True),
        ("True", "boolean", None, "True"),
        ("new int[]{1, 2}", "Array", "integer", [1, 2]),
        ('new String[]{"a"}', "Array", "String", ['"a"']),
        ('new ArrayList<>(Arrays.asList("a", "b"))', "ArrayList", "String", ["a", "b"]),
        ("new ArrayList<Long>() {{ add(1L); add(2L); }}", "ArrayList", "long", [1, 2]),
        ('new ArrayList<>(Arrays.asList("a", 2, 3L, 4f, true))', "ArrayList", None,
         ["a", 2, 3, 4.0, True]),
        ("new ArrayList<>()", "ArrayList", "String", []),
        ("List.of(1)", "ArrayList", "integer", "List.of(1)"),
        ('new HashMap<String, Object>() {{ put("a", 1); put("b", "c"); }}', "HashMap", None,
         {"a": 1, "b": "c"}),
        ("new HashMap<>()", "HashMap", None, {}),
        ("map", "HashMap", None, "map"),
    ],
)  # fmt: skip
def test_java_values(text: str, kind: str, item: str | None, value: Any) -> None:
    """Java's values are read by their declared type, and stay texts where they are not of it."""
    assert java_value(text, kind, item) == value


@pytest.mark.parametrize(
    ("text", "kind", "item", "value"),
    [
        ('"a"', "String", None, "a"),
        ("a", "String", None, "a"),
        ("5", "integer", None, 5),
        ("5.5", "float", None, 5.5),
        ("5n", "Bigint", None, 5),
        ("false", "Boolean", None, False),
        ('["a", "b"]', "array", "String", ["a", "b"]),
        ("new Array(1, 2)", "array", "integer", [1, 2]),
        ("[]", "array", "integer", []),
        ("[[1, 2], [3]]", "array", "array", [[1, 2], [3]]),
        ("new Array([1], [2])", "array", "array", [[1], [2]]),
        ("rows", "array", "array", "rows"),
        ('{"a": 1, b: [2, "c"]}', "dict", None, {"a": 1, "b": [2, "c"]}),
        ('{"a": {"b": 1}}', "dict", None, {"a": '{"b": 1'}),
        ("{}", "dict", None, {}),
        ("x", "any", None, "x"),
    ],
)
def test_javascript_values(text: str, kind: str, item: str | None, value: Any) -> None:
    """JavaScript's values are read by their declared type; an object in an object is not found."""
    assert javascript_value(text, kind, item) == value


def test_rows_without_end() -> None:
    """An array of a thousand rows that never ends is no array of arrays, and is known at once."""
    assert javascript_value("[" + "[1]," * 1000, "array", "integer") == ["[1"]


def test_kinds_that_cannot_be_read() -> None:
    """A type that BFCL has no reading of makes the call wrong; it ends the official program."""
    for read in (java_value, javascript_value):
        with pytest.raises(ValueError, match="Hashtable cannot be read"):
            read("x", "Hashtable")


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("[f(a=1)]", "f", {"a": 1}),
        ("f(a=1)", "f", {"a": 1}),
        ("```[a.b.c(x='y')]```", "a.b.c", {"x": "y"}),
        ("[f(1, a=2)]", "f", {"a": 2}),
        ("[f(a=-5, b=+5, c=not True)]", "f", {"a": -5, "b": -5, "c": -1}),
        ("[f(a=2*3, b=2**10, c='x'*2, d=[0]*2, e=7//2)]", "f",
         {"a": 6, "b": 1024, "c": "xx", "d": [0, 0], "e": 3}),
        ("[f(a=x, b=g(1), c=g(y=1), d=x[0], e=(1, 2), f=...)]", "f",
         {"a": "x", "b": "g(1)", "c": {"g": {"y": 1}}, "d": "x[0]", "e": (1, 2), "f": "..."}),
        (r"[f(a='\d')]", "f", {"a": "\\d"}),
        ("[f(a={'b': [True, None]})]", "f", {"a": {"b": [True, None]}}),
    ],
)  # fmt: skip
def test_python_calls(text: str, name: str, arguments: dict[str | None, Any]) -> None:
    """A call in Python is read, with BFCL's oddities."""
    assert python_calls(text) == (Call(name, arguments),)


@pytest.mark.parametrize(
    "text",
    [
        "I cannot.", "[f]", "[f(a=1", "[1, 2]", "[f(a=lambda: 1)]", "[f(a=x.y)]", "[f(a={1})]",
        "[f(a=1/0)]", "[f(a=9**9**9)]", "[f(a='x'*10**9)]", "[f(a=1<<10**9)]",
        "[f(a='%9999999d'%1)]",
        "[f(a=__import__('os').getpid()+1)]", "[f(a={[]: 1})]", "[f(a=" + "(" * 500 + ")]", "\x00",
        "[f(a=" + "-" * 5000 + "1)]", "[f(a=[[0]*9999]*9999)]",
    ],
)  # fmt: skip
def test_no_python_calls(text: str) -> None:
    """What is no call, cannot be calculated safely or would have to be run is not read."""
    with pytest.raises(Unreadable):
        python_calls(text)


def test_an_empty_list_of_calls() -> None:
    """An empty list is read, and calls nothing."""
    assert python_calls("[]") == java_calls("[]") == ()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('[A.b(x="a b", y=\'c\', z=5L, v=true)]', {"x": "a b", "y": "c", "z": "5L", "v": "true"}),
        ("[A.b(x=new int[] { 1, 2 }, y = z)]", {"x": "new int[]{1,2}", "y": "z"}),
        ("[A.b(x=new HashMap<String, Object>() {{ put(1, 2); }})]",
         {"x": "new HashMap<String,Object>()"}),
        ("[A.b(x=new C(new D( 1+2 ), e.f( 3 , 4 )))]", {"x": "new C(new D(1+2), e.f( 3 , 4 ))"}),
        ("[A.b(x=(int) 5, y=C::d, z=p -> p.q( 1 ))]",
         {"x": "(int)5", "y": "C::d", "z": "p->p.q( 1 )"}),
        ("[A.b(1, x=2); c(y=3)]", {"x": "2"}),
        ("[[A.b(x=1)]]", {"x": "1"}),
        ("[A.b(x, y=2)]", {None: "x", "y": "2"}),
    ],
)  # fmt: skip
def test_java_calls(text: str, arguments: dict[str | None, str]) -> None:
    """A call in Java is read as BFCL's decoder writes its values."""
    assert java_calls(text) == (Call("A.b", arguments),)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("[a.b(x=\"s\", y='', z=`t`)]", {"x": "s", "y": "", "z": "`t`"}),
        ("[a.b(x={k: [1, 'v'], ...m}, y=p => p + 1)]",
         {"x": "{k: [1, 'v'], ...m}", "y": "p => p + 1"}),
        ("[a.b(x=function(p) { return p; }, y=/a,b/g)]",
         {"x": "function(p) { return p; }", "y": "/a,b/g"}),
        ("[a.b(x=1);\nc(y=2)]", {"x": "1"}),
        ("[a.b(x=1, 2, ...y, z)]", {"x": "1", None: "z"}),
        ("[a.b(x=c ? d : e, y=new F(1), z=-g)]", {"x": "c ? d : e", "y": "new F(1)", "z": "-g"}),
    ],
)  # fmt: skip
def test_javascript_calls(text: str, arguments: dict[str | None, str]) -> None:
    """A call in JavaScript is read; its values are kept as they are written."""
    assert javascript_calls(text) == (Call("a.b", arguments),)


BROKEN = (
    "Sure: f(a=1)", "f(a=1) done", "f(a=1), g(b=2)", "f(a=)", "f(a=1 2)", "f(a=1", "f(a=1))",
    "f(a:1)", 'f(a="x)', "f(a=1, a=2)", "f(a=b c)", "f(a=*b)", "f(a=new)", '"f"(a=1)',
    "f('a'=1)", "f(a=#b)",
)  # fmt: skip


@pytest.mark.parametrize("read", [java_calls, javascript_calls])
@pytest.mark.parametrize("text", BROKEN)
def test_broken_source(read: Callable[[str], Any], text: str) -> None:
    """Source text that is no call, or has none that is well-formed, is not read."""
    with pytest.raises(Unreadable):
        read(f"[{text}]")


@pytest.mark.parametrize("text", ["f(a={1})", "f(a=[1])", "f(a=new int[5])", "f(a=b.5)"])
def test_broken_java(text: str) -> None:
    """JavaScript's lists are no Java, and an array without items has no value."""
    with pytest.raises(Unreadable):
        java_calls(text)


@pytest.mark.parametrize("text", ["f(a={1, 2})", "f(a={'k' 1})", 'f(a="x\ny")', "f(a=[1 2])"])
def test_broken_javascript(text: str) -> None:
    """Objects have names and values, and a text ends on its line."""
    with pytest.raises(Unreadable):
        javascript_calls(text)


@given(st.text("fa.=(){}[]<>\"'`/,;:+- \nnew1L?é", max_size=40))
@example("f(a=new")
@example("f(a=new A<")
@example("f(a=b.)")
def test_readers_never_fail_otherwise(text: str) -> None:
    """Whatever stands in an answer, it is read or said to be unreadable."""
    for read in (python_calls, java_calls, javascript_calls):
        for answer in (text, f"f(a={text})"):
            try:
                calls = read(answer)
            except Unreadable:
                continue
            assert all(isinstance(call, Call) for call in calls)


@given(st.text(max_size=60))
def test_values_never_fail(text: str) -> None:
    """Any text is a value of every type that BFCL reads, if only itself."""
    for kind in ("integer", "long", "float", "boolean", "Array", "ArrayList", "HashMap", "any"):
        java_value(text, kind, "String")
    for kind in ("String", "integer", "float", "Bigint", "Boolean", "array", "dict", "any"):
        javascript_value(text, kind, "String")
