"""Say early, and with the fix, that an optional package is missing."""

from importlib.util import find_spec

from evenhand_evals.errors import UsageError


def require(purpose: str, *modules: str) -> None:
    """Check that modules can be imported, without importing them; `purpose` is what needs them.

    Raises:
        UsageError: naming the missing ones and the command that installs them.

    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"{purpose} needs the Python modules {', '.join(missing)}, which are not "
            "installed; install them with: pip install 'evenhand[evals]'"
        )
