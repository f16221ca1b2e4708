"""What can go wrong in an evaluation, as one tree.

    EvalError
    ├── UsageError           a wrong option, name or folder (exit code 2)
    │   ├── DataError        a data set cannot be found or read
    │   ├── RunExists        the output folder already holds a run
    │   ├── RunDiffers       `--resume` was asked for a run of something else
    │   ├── Unaskable        this model, or its endpoint, has no way to answer the task
    │   └── NotComparable    two runs have other items or headlines
    ├── RunUnreadable        a run's files are missing or damaged (exit code 2)
    ├── AnswerUnreadable     an answer that is none; the runner makes it the outcome `failed`
    ├── SandboxBroken        programs that a model wrote cannot be run here (exit code 2)
    └── EndpointError        the endpoint cannot be used for this run (exit code 3)

An item without an answer is not an error: it is the outcome `failed`, counted in the result.
"""

from typing import ClassVar


class EvalError(Exception):
    """Base of every error that the eval client raises on purpose."""

    exit_code: ClassVar[int] = 2


class UsageError(EvalError):
    """A command, option, name or folder that cannot be used as it stands."""


class DataError(UsageError):
    """A data set that cannot be found, read or understood."""


class RunExists(UsageError):
    """The output folder already holds a run, and nobody said `--resume`."""


class RunDiffers(UsageError):
    """The run to resume is not the run that was asked for."""


class Unaskable(UsageError):
    """The model or its endpoint cannot be asked this task: no room, no images, another interface.

    Another model could be, so that a suite leaves the task out and goes on.
    """


class NotComparable(UsageError):
    """Two runs whose items or headlines are not the same cannot be compared in pairs."""


class RunUnreadable(EvalError):
    """A run's manifest or log is missing or damaged."""


class AnswerUnreadable(EvalError):
    """What came back for a request is no answer of the kind that was asked for."""


class SandboxBroken(EvalError):
    """The sandbox for programs that a model wrote could not run; the program is not to blame."""


class EndpointError(EvalError):
    """The endpoint does not answer, does not know the model, or refuses the key."""

    exit_code = 3
