"""Stands in for SGLang's compiled kernels, which are published for CUDA only.

SGLang imports many names from `sgl_kernel` at start. With the `torch_native` attention backend and
the `pytorch` sampling backend none of them is called on a CPU: every name resolves here, and one
that is called after all raises an error that says which. `serve.sh` puts this folder on PYTHONPATH.

SGLang's module of image models takes four operators out of `torch.ops.sgl_kernel` when it is
imported, for another model's sake: they are declared, and torch says that they have no kernel.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

__version__ = "0.0.0+evenhand.cpu"
SUBMODULES = ("elementwise", "mamba", "speculative", "utils")
OPERATORS = (  # sglang/srt/models/qwen3_5.py
    "fused_sigmoid_mul_cpu",
    "fused_qk_gemma_rmsnorm_cpu",
    "fused_qk_gemma_rmsnorm_with_gate_cpu",
    "fused_qkvzba_split_reshape_cat_contiguous_cpu",
)


def _absent(name: str) -> Callable[..., NoReturn]:
    def kernel(*_: object, **__: object) -> NoReturn:
        raise NotImplementedError(
            f"sgl_kernel.{name} was called, but this is the CPU stand-in without kernels: "
            "serve this model on a GPU with deploy/sglang/launch.sh"
        )

    return kernel


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(name)
    return _absent(name)


for _submodule in SUBMODULES:
    _module = ModuleType(f"{__name__}.{_submodule}")
    _module.__getattr__ = __getattr__  # type: ignore[method-assign]
    sys.modules[_module.__name__] = _module

if "torch" in sys.modules:  # which SGLang imports first
    _library = sys.modules["torch"].library.Library("sgl_kernel", "FRAGMENT")
    for _operator in OPERATORS:
        _library.define(f"{_operator}(Tensor x) -> Tensor")
