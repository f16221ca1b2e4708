"""What a translator such as litellm is handed: the parameters that a provider has, in its words.

What the provider lacks is left out before the translator sees it, with a word in the record, as it
is for an engine that is called directly. Values are passed on as they are: what the translator and
the provider make of them is read from what it writes.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from evenhand_proxy.decoding.dialect import Dialect, Rule
from evenhand_proxy.decoding.forms import Form
from evenhand_proxy.decoding.parameters import PARAMETERS
from evenhand_proxy.decoding.values import fault
from evenhand_proxy.decoding.vocabulary import ABSENT

_WORDS: Final[Mapping[str, tuple[str, Form]]] = {
    "thinking": ("thinking.type", "switch"),
    "thinking_budget": ("thinking.budget_tokens", "plain"),
    "json_schema": ("response_format", "schema_format"),
}
"""What translators read where the vocabulary's own name is another one."""


def handed(dialect: Dialect, known: Collection[str], *, verbatim: bool, by: str) -> Dialect:
    """Give the dialect that a translator to `dialect` is spoken to in.

    Args:
        dialect: the provider's own, which says what the provider has at all.
        known: top-level fields that the translator reads.
        verbatim: whether it leaves all other fields as they are. The provider's own words then
            pass it untouched, and go before words that it would read.
        by: the translator's name, for the reasons.

    """
    rules = {}
    for name in PARAMETERS:
        own = dialect.rules.get(name)
        if name == "response_format" and own is None:
            # A schema is asked for with it in OpenAI's API, whatever the provider calls that.
            own = dialect.rules.get("json_schema")
        if own is not None:
            rules[name] = _rule(name, own, known, verbatim)
    return replace(dialect, engine=by, rules=rules, interactions=(), exclusive=())


def _rule(name: str, own: Rule, known: Collection[str], verbatim: bool) -> Rule:
    if own.wire is None:
        return own
    word, form = _WORDS.get(name, (name, "plain"))
    spellings = PARAMETERS[name].spellings
    if verbatim and _top(own.wire) not in known:
        return _under(own.wire, own.form, own.accepts, name, own)
    read = [path for path in spellings if _top(path) in known]
    last = own.wire.rpartition(".")[2]
    if _top(word) in known:
        return _under(word, form, read, name, own)
    if last in known:
        return _under(last, own.form, read, name, own)
    return replace(own, wire=None, unsupported="refused", note="no word for it gets that far")


def _under(wire: str, form: Form, others: Collection[str], name: str, own: Rule) -> Rule:
    """Give a rule that passes any value on; a default is kept where it may be written out."""
    kind = own.kind or PARAMETERS[name].kind
    writable = own.default is not ABSENT and fault(own.default, kind, own.range, own.values) is None
    return Rule(
        wire,
        own.source,
        accepts=tuple(path for path in others if path != wire),
        form=form,
        kind="any",
        default=own.default if writable else ABSENT,
        from_model=own.from_model,
        from_server=own.from_server,
        by_model=own.by_model,
        null=own.null,
        evidence=own.evidence,
    )


def _top(path: str) -> str:
    return path.partition(".")[0]
