"""MMLU's data: 57 subjects, 14,042 test items, five worked examples (dev) for each subject.

Hendrycks et al. 2021 (arXiv:2009.03300); MIT licence. There is no task "mmlu": four harnesses ask
and read it in four ways whose scores differ by points, and each is a task of its own (`mmlu_cot`,
`mmlu_loglikelihood`, `mmlu_generative`, `mmlu_opencompass`).

The data are the authors' CSV files without a header (question, A, B, C, D, answer), read as they
are. Harnesses that read them with pandas' defaults turn an option `None` or `N/A` into `nan`; here
it stays what it is. The authors' address has no versions, so a download has no pinned revision:
the manifest's SHA-256 says what was read.
"""

from evenhand_evals.scorers.subjects import MMLU
from evenhand_evals.tasks.choices import Item, item
from evenhand_evals.tasks.subject_folders import SubjectOrigin, Tables, find_tables
from evenhand_evals.types import Dataset, DataSource, Sample

ORIGIN = SubjectOrigin(
    folder="mmlu",
    name="hendrycks/test",
    url="https://people.eecs.berkeley.edu/~hendrycks/data.tar",
    revision="",
    licence="MIT",
    file="{split}/{subject}_{split}.csv",
)
SUBJECTS = tuple(sorted(name for names in MMLU.values() for name in names))
DATA = f"{ORIGIN.folder}/ under EVENHAND_DATA, or --data {ORIGIN.name}"


def tables(source: DataSource, *, shots: bool) -> Tables:
    """Find the test files, and the dev files if there are to be shots."""
    return find_tables(source, ORIGIN, SUBJECTS, ("dev", "test") if shots else ("test",))


def items(found: Tables, split: str, subject: str) -> list[Item]:
    """Give a subject's items of one split, in the order of the file."""
    rows = found.rows(split, subject)
    return [item(where, subject, number, row) for number, (where, row) in enumerate(rows, start=1)]


def dataset(found: Tables, samples: list[Sample]) -> Dataset:
    """Put samples together with the facts of their data."""
    return Dataset(tuple(samples), found.source, found.revision, found.sha256, ORIGIN.licence)
