"""The folder of a suite: what earlier calls left in it, and `suite.json`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import orjson

from evenhand_evals.errors import EvalError, RunDiffers, UsageError
from evenhand_evals.manifest import MANIFEST_NAME, now, read_manifest
from evenhand_evals.results import load_run
from evenhand_evals.suite.file import ModelEntry, Suite
from evenhand_evals.suite.plan import Narrowing, PlannedRun, plan_suite
from evenhand_evals.suite.standing import Finished, Standing, State
from evenhand_evals.yaml_tree import Document

SUITE_NAME = "suite.json"


def check_folder(out: Path, runs: Sequence[PlannedRun]) -> None:
    """Check that an earlier suite in the same folder drew its items in the same way.

    Raises:
        RunDiffers: it did not; the message names each run and what differs.

    """
    earlier = _drawings(out)
    differences = []
    for run in runs:
        was, made = earlier.get(run.name), (run.settings.out / MANIFEST_NAME).exists()
        if was is None or not made:
            continue
        for name, value in run.drawing.items():
            if was.get(name) != value and not _grew(name, was.get(name), value):
                differences.append(f"{run.name}: {name} was {was.get(name)!r}, is {value!r}")
    if differences:
        raise RunDiffers(
            f"--out: the runs in {out} are of other items; {'; '.join(differences)}; "
            "ask for the same suite, or name another --out"
        )


def _drawings(out: Path) -> dict[str, Mapping[str, Any]]:
    """Give how each run in a folder drew its items, by its name, also those of other suites.

    Raises:
        UsageError: `suite.json` is damaged.

    """
    return dict(_earlier(out)["drawings"])


def _earlier(out: Path) -> Mapping[str, Any]:
    """Give what `suite.json` in a folder says.

    Raises:
        UsageError: it is damaged.

    """
    path = out / SUITE_NAME
    if not path.exists():
        return {"drawings": {}, "runs": []}
    try:
        found = orjson.loads(path.read_bytes())
        return {"drawings": dict(found["drawings"]), "runs": list(found.get("runs", []))}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--out: {path} cannot be read ({error}); name another folder") from error


def _grew(name: str, was: Any, value: Any) -> bool:
    return name in ("size", "share") and None not in (was, value) and was < value


def runs_before(
    document: Document[Suite], out: Path, asked: Sequence[PlannedRun]
) -> list[Standing]:
    """Give the runs of a suite's tasks that the folder holds, and that are not asked now.

    They may be of tasks that were not chosen, or of a model that another call named.

    Raises:
        UsageError: `suite.json` is damaged.

    """
    names = {each.name for each in asked}
    said = {each.get("name"): each for each in _earlier(out)["runs"] if isinstance(each, Mapping)}
    whole = replace(document, value=replace(document.value, models=_models(document.value, out)))
    if not whole.value.models:
        return []
    found = []
    for run in plan_suite(whole, out, None, Narrowing(), judging=False)[0]:
        if run.name not in names and (run.settings.out / MANIFEST_NAME).exists():
            with suppress(EvalError):
                found.append(_as_it_stands(run, said.get(run.name, {})))
    return found


def _models(suite: Suite, out: Path) -> tuple[ModelEntry, ...]:
    """Give the models of a suite, and those of other runs in its folder."""
    models = {each.label: each for each in suite.models}
    for path in sorted(out.glob(f"*/*/{MANIFEST_NAME}")):
        label = path.parts[-3]
        if label not in models:
            with suppress(EvalError):
                manifest = read_manifest(path.parent)
                if manifest.base_url is not None:  # answers made elsewhere have no endpoint
                    models[label] = ModelEntry(manifest.base_url, manifest.model, name=label)
    return tuple(models.values())


def _as_it_stands(run: PlannedRun, said: Mapping[str, Any]) -> Standing:
    data = load_run(run.settings.out)
    state: State = "done" if data.result.complete else "stopped"
    reason = None if data.result.complete else "not gone on with in this call"
    if said.get("state") in get_args(State) and said["state"] not in ("running", "waiting"):
        state, reason = said["state"], said.get("reason")
    standing = Standing(run, state, reason, asked=False)
    standing.read(data)
    return standing


def write_suite(out: Path, suite: Finished) -> None:
    """Write `suite.json` in one step: every run with its state, its score and its folder."""
    out.mkdir(parents=True, exist_ok=True)
    drawings = {each.run.name: each.run.drawing for each in suite.standings if each.asked}
    document = {**document_of(suite), "drawings": {**_drawings(out), **drawings}}
    draft = out / f".{SUITE_NAME}.new"
    draft.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    draft.replace(out / SUITE_NAME)


def document_of(suite: Finished) -> Mapping[str, Any]:
    """Give the document that `suite.json` and `--json` have."""
    return {
        "written_at": now(),
        "seconds": suite.seconds,
        "requests": suite.requests,
        "completion_tokens": suite.completion_tokens,
        "budget_reached": suite.reached,
        "runs": [_document(each) for each in suite.standings],
        "left_out": [{"task": each.task, "reason": each.reason} for each in suite.left],
    }


def _document(standing: Standing) -> Mapping[str, Any]:
    run, data = standing.run, standing.data
    metrics = data.result.metrics if data is not None else {}
    return {
        "name": run.name,
        "model": run.model.label,
        "task": run.task.name,
        "title": run.task.title,
        "out": str(run.settings.out),
        "state": standing.state,
        "reason": standing.reason,
        "notes": list(standing.notes),
        "headline": run.task.headline,
        "score": standing.score,
        "metrics": {name: each for name, each in metrics.items() if run.entry.shows(name)},
        "outcomes": data.result.outcomes if data is not None else None,
        "samples": data.result.samples if data is not None else standing.done,
        "planned": data.result.planned if data is not None else standing.planned,
    }
