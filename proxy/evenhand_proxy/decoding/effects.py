"""What an engine makes of values that it accepted: its rewrites, and what they do to each other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from evenhand_proxy.decoding.asked import Draft
from evenhand_proxy.decoding.dialect import Interaction, Over, Range, Rewrite, Test
from evenhand_proxy.decoding.edits import at
from evenhand_proxy.decoding.record import ParameterRecord, Violation
from evenhand_proxy.decoding.settle import Ground
from evenhand_proxy.decoding.values import is_number
from evenhand_proxy.decoding.vocabulary import ABSENT, Absent

_FREE: Final = {"type": "text"}
"""The `response_format` that asks for no form, and stands beside any constraint."""


class Effects:
    """The drafts and defaults of one request, as the engine goes on to change them.

    A default that is sent so that no hidden one can act gives way to all that was asked.
    """

    def __init__(
        self,
        drafts: dict[str, Draft],
        records: dict[str, ParameterRecord],
        ground: Ground,
        pinned: Mapping[str, str],
    ) -> None:
        self._drafts = drafts
        self._records = records
        self._ground = ground
        self._pinned = pinned

    def value(self, name: str) -> Any:
        """Give what is effective so far; ABSENT where that is not known."""
        draft = self._drafts.get(name)
        if draft is not None:
            return draft.effective
        record = self._records.get(name)
        return ABSENT if record is None else record.effective

    def exclude(self, body: Mapping[str, Any]) -> None:
        """Find groups of which the engine takes one, and values that need one place."""
        taken = self._places()
        for group in self._ground.dialect.exclusive:
            given = [name for name in group if self._asks(name)]
            for name in given[1:]:
                self._refuse(name, f"takes one of {', '.join(group)}, and {given[0]} is there")
            for name in [name for name in group if self._is_pinned(name)][not given :]:
                self._unpin(name, f"{given[0] if given else group[0]} is there")
        for name, wire in self._pinned.items():
            if wire in taken and self._is_pinned(name):
                self._unpin(name, f"{taken[wire].name} is sent in its place")
        self._nest(taken, body)

    def _places(self) -> dict[str, Draft]:
        """Give which draft stands at which path; of several for one, the one that wins."""
        taken: dict[str, Draft] = {}
        for draft in list(self._drafts.values()):
            if draft.wire is None or draft.sent is ABSENT:
                continue
            owner = taken.setdefault(draft.wire, draft)
            if owner is not draft:
                yields = owner.priority > draft.priority or owner.effective == _FREE
                loser, winner = (owner, draft) if yields else (draft, owner)
                taken[draft.wire] = winner
                self._crowd_out(loser, f"has one {draft.wire} for it and for {winner.name}")
        return taken

    def _asks(self, name: str) -> bool:
        return self._sent(name) and self.value(name) is not ABSENT and self.value(name) != _FREE

    def _nest(self, taken: Mapping[str, Draft], body: Mapping[str, Any]) -> None:
        """Find values that lead into an object where the body holds something else."""
        for wire, draft in taken.items():
            if "." in wire and (blocker := self._blocker(wire, taken, body)):
                self._crowd_out(draft, f"wants it within {blocker}, which holds something else")
        for name, wire in self._pinned.items():
            if "." in wire and self._is_pinned(name) and self._blocker(wire, taken, body):
                self._unpin(name, "the body holds something else in its place")

    def _blocker(
        self, wire: str, taken: Mapping[str, Draft], body: Mapping[str, Any]
    ) -> str | None:
        """Give the path above a wire name at which no object can be."""
        steps = wire.split(".")
        for depth in range(1, len(steps)):
            path = ".".join(steps[:depth])
            owner = taken.get(path)
            if owner is not None and owner.sent is None:
                owner.sent = ABSENT
                owner.because(f"{wire} is sent in its place")
            elif owner is not None and owner.sent is not ABSENT:
                if not isinstance(owner.sent, dict):
                    return path
                if steps[depth] in owner.sent:
                    owner.sent = {k: v for k, v in owner.sent.items() if k != steps[depth]}
                    owner.action = "converted"
                    owner.because(f"{wire} is said apart from it")
            elif not isinstance(at(body, path), Mapping | Absent | None) and not self._moves(path):
                return path
        return None

    def _moves(self, path: str) -> bool:
        """Whether what a body holds at a path is read from there, and so written anew."""
        return any(
            draft.spelling == path or path in (draft.beaten or ())
            for draft in self._drafts.values()
        )

    def rewrite(self) -> None:
        """Apply each rule's rewrites: the first that fits a value."""
        for name, rewrites in self._ground.rewrites:
            value = self.value(name)
            if not is_number(value):
                continue
            for rewrite in rewrites:
                if value in rewrite.when:
                    self._rewrite(name, value, rewrite)
                    break

    def interact(self) -> None:
        """Apply the dialect's interactions."""
        asked = self._drafts.keys()
        for interaction in self._ground.dialect.interactions:
            if not interaction.defaults and asked.isdisjoint(interaction.on):
                continue
            for name, test in interaction.when.items():
                if not self._holds(name, test):
                    break
            else:
                self._interact(interaction)
        if self._pinned:
            self._give_way()

    def _give_way(self) -> None:
        """Take back defaults that the engine refuses, or looks past, beside what was asked."""
        for interaction in self._ground.dialect.interactions:
            there = [name for name, test in interaction.when.items() if test == "sent"]
            pins = [name for name in (*there, *interaction.on) if self._is_pinned(name)]
            if pins and interaction.outcome != "honoured" and self._would(interaction, pins):
                for name in pins:
                    self._unpin(name, interaction.reason)

    def _would(self, interaction: Interaction, pins: list[str]) -> bool:
        return all(
            self._holds(name, test) or (test == "sent" and name in pins)
            for name, test in interaction.when.items()
        )

    def _sent(self, name: str) -> bool:
        draft = self._drafts.get(name)
        return draft is not None and draft.sent is not ABSENT and draft.sent is not None

    def _is_pinned(self, name: str) -> bool:
        return (
            name in self._pinned
            and name not in self._drafts
            and self._records[name].sent is not ABSENT
        )

    def _unpin(self, name: str, reason: str) -> None:
        self._records[name] = replace(
            self._records[name],
            action="defaulted",
            resolved=ABSENT,
            sent=ABSENT,
            reason=f"not pinned: {reason}",
        )

    def _holds(self, name: str, test: Test) -> bool:
        if isinstance(test, str):
            return self._sent(name)
        value = self.value(name)
        if isinstance(test, tuple):
            return _among(value, test)
        if isinstance(test, Range):
            return is_number(value) and value in test
        if isinstance(test, Over):
            other = self.value(test.other)
            return is_number(value) and is_number(other) and other >= 0 and value > other
        return isinstance(value, dict) and value.get("type") in test.types

    def _rewrite(self, name: str, value: Any, rewrite: Rewrite) -> None:
        becomes = rewrite.becomes
        if rewrite.times is not None or rewrite.plus:
            times = 1 if rewrite.times is None else rewrite.times
            becomes = _computed(value, times, rewrite.plus)
        if becomes is not ABSENT:
            self._become(name, becomes, rewrite)
        for other, forced in rewrite.sets.items():
            if self.value(other) != forced:
                self._become(other, forced, rewrite, forced=True)

    def _become(self, name: str, value: Any, rewrite: Rewrite, *, forced: bool = False) -> None:
        effective = ABSENT if value is None else value
        action = "not-honoured" if forced else rewrite.action
        draft = self._drafts.get(name)
        if forced and draft is not None and draft.effective is ABSENT and self._sent(name):
            return  # its own value is at fault already
        if draft is None:
            record = self._records.get(name) or ParameterRecord(name, "defaulted")
            known = record.evidence not in (None, "unknown")
            reason = f"{record.reason}; {rewrite.reason}" if record.reason else rewrite.reason
            self._records[name] = replace(
                record,
                effective=effective,
                source="engine-rewrite",
                evidence=record.evidence if known else "modelled",
                # Whatever the default is, it gives way.
                reason=reason if known else rewrite.reason,
            )
            return
        sent = draft.sent is not ABSENT and draft.sent is not None
        if sent and action in ("clamped", "not-honoured"):
            self.violate(name, draft.value, rewrite.reason)
        draft.effective = effective
        draft.source = "engine-rewrite"
        draft.evidence = "modelled"
        draft.action = action if sent else draft.action
        draft.because(rewrite.reason)

    def _interact(self, interaction: Interaction) -> None:
        for name in interaction.on:
            draft = self._drafts.get(name)
            default = interaction.defaults.get(name, ABSENT)
            if draft is None or not self._sent(name):
                if default is not ABSENT:
                    self._default(name, default, interaction.reason)
                continue
            if interaction.outcome == "honoured":
                continue
            if interaction.outcome == "refused":
                self._refuse(name, interaction.reason)
                continue
            self.violate(name, draft.value, interaction.reason)
            if interaction.unchecked:
                self._pardon(draft)
            draft.effective = default
            draft.action, draft.source = "not-honoured", "engine-rewrite"
            draft.because(interaction.reason)

    def _pardon(self, draft: Draft) -> None:
        """Take back that the engine refuses a value, which it turns out not to look at."""
        verdict = f"; {self._ground.dialect.engine} answers with an error"
        if draft.reason is not None and draft.reason.endswith(verdict):
            draft.reason, draft.evidence = draft.reason.removesuffix(verdict), "modelled"

    def _default(self, name: str, value: Any, reason: str) -> None:
        draft = self._drafts.get(name)
        if draft is not None and draft.action == "dropped":
            return
        if draft is not None:
            draft.effective, draft.evidence, draft.source = value, "modelled", "engine"
            draft.because(reason)
            return
        record = self._records.get(name) or ParameterRecord(name, "defaulted", evidence="modelled")
        if record.evidence == "attested" or record.action != "defaulted":
            return
        self._records[name] = ParameterRecord(
            name, "defaulted", effective=value, source="engine", evidence="modelled", reason=reason
        )

    def _crowd_out(self, draft: Draft, reason: str) -> None:
        """Leave out what has no place of its own on the wire."""
        engine = self._ground.dialect.engine
        self.violate(draft.name, draft.value, f"{engine} {reason}")
        draft.action, draft.evidence, draft.source = "dropped", None, None
        draft.sent = draft.effective = ABSENT
        draft.because(f"{engine} {reason}")

    def _refuse(self, name: str, reason: str) -> None:
        draft = self._drafts[name]
        engine = self._ground.dialect.engine
        self.violate(name, draft.value, reason)
        draft.effective, draft.evidence = ABSENT, "unknown"
        draft.because(f"{reason}; {engine} answers with an error")

    def violate(self, name: str, value: Any, reason: str) -> None:
        """Note that a parameter is not honoured as asked; only the first reason counts."""
        if any(each.parameter == name for each in self._ground.violations):
            return
        fix = f"Leave {name} out, or change what it depends on."
        self._ground.violations.append(Violation(name, value, reason, fix))


def _among(value: Any, known: tuple[Any, ...]) -> bool:
    for each in known:  # noqa: SIM110 - a generator in any() costs as much as all else here
        if value == each and type(value) is type(each):
            return True
    return False


def _computed(value: float, times: float, plus: float) -> float:
    """Give value * times + plus, whole numbers as such; numbers beyond all floats as they are."""
    try:
        found = value * times + plus
    except OverflowError:
        return value
    return round(found, 9) if isinstance(found, float) else found


def strategy(drafts: Mapping[str, Draft], effects: Effects) -> None:
    """Say whether drawing at random came of it, where `do_sample` is said with others."""
    switch = drafts.get("do_sample")
    if switch is None or switch.wire is not None or switch.action != "converted":
        return
    heat = effects.value("temperature")
    if heat is ABSENT:
        return
    switch.effective = not (heat == 0 or effects.value("top_k") == 1)
    switch.evidence = "modelled"
    if isinstance(switch.value, bool) and switch.effective is not switch.value:
        greedy = "top_k 1" if effects.value("top_k") == 1 else f"temperature {heat}"
        switch.action = "not-honoured"
        switch.because(f"{greedy} acts against it")
        effects.violate("do_sample", switch.value, f"{greedy} acts against it")
