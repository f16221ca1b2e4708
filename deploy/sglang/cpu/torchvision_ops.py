"""Let the torchvision that stands in the package index be imported beside a torch built for CPU.

Its compiled operators need CUDA, so they do not load; then the Python part fails at import because
it describes operators (`nms`, `qnms`) that nobody declared. SGLang imports torchvision for image
models, even when it serves text. This adds a module that declares the two, and imports it first.
Run with the interpreter of the environment to change; a second run changes nothing.
"""

import sysconfig
from pathlib import Path

DECLARATIONS = """import torch
from torchvision.extension import _has_ops

if not _has_ops():
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
IMPORT = "import torchvision._declared_operators\n"


def main() -> None:
    """Add the module and its import to the installed torchvision."""
    folder = Path(sysconfig.get_paths()["purelib"]) / "torchvision"
    (folder / "_declared_operators.py").write_text(DECLARATIONS, encoding="utf-8")
    registrations = folder / "_meta_registrations.py"
    text = registrations.read_text(encoding="utf-8")
    if not text.startswith(IMPORT):
        registrations.write_text(IMPORT + text, encoding="utf-8")


if __name__ == "__main__":
    main()
