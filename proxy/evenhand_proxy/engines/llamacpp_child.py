"""The child process in which llama.cpp's own server runs, through the `xllamacpp` package.

`LocalEngine` starts it and speaks a protocol of two pipes with it:

- standard output carries one JSON line: `{"address": "http://127.0.0.1:PORT", "invariant": BOOL}`
  once the server listens, or `{"missing": REASON}` where `xllamacpp` cannot be imported;
- standard input carries nothing. Its end is the order to stop: the parent closes it, or the
  kernel does when the parent dies of anything, SIGKILL included.

llama.cpp's log goes to standard error.
"""

import argparse
import json
import os
import sys
import threading
from typing import Any

BATCH_TOKENS = 512
"""Tokens that go through the model at once, and so about the longest input of an embedding."""

WARNINGS = 2  # llama.cpp's common/log.h: 1 errors, 2 warnings, 3 information for each request


def main() -> None:
    """Serve one GGUF file until standard input ends."""
    arguments = _parse()
    # A pipe's end works on every platform. Linux's PR_SET_PDEATHSIG is not used beside it: that
    # signal comes when the *thread* that forked ends, and event loops may run in short threads.
    parent = threading.Thread(target=_exit_with_parent, daemon=True)
    parent.start()
    # Whatever a C library prints must not get between the parent and its one JSON line.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        import xllamacpp
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answer, flush=True)
        sys.exit(1)
    server, invariant = _serve(xllamacpp, arguments)
    said = {"address": server.listening_address, "invariant": invariant}
    print(json.dumps(said), file=answer, flush=True)
    parent.join()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens for each slot")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def _exit_with_parent() -> None:
    """Wait for the end of standard input, then end at once: the server has no way to stop."""
    os.read(0, 1)
    os._exit(0)


def _serve(xllamacpp: Any, arguments: argparse.Namespace) -> tuple[Any, bool]:
    """Start the server; say whether its answers are the same whatever else is in flight.

    Measured with log-probabilities compared bit by bit, alone, beside other requests and on a
    warm prompt cache. With flash attention on a Q8_0 cache, llama.cpp's CPU kernel takes every
    sum position by position, and all agree. On its usual F16 cache it picks kernels by the batch's
    shape and the context's length, and greedy texts begin to differ. The price is a prefill of
    long prompts that is about a third slower.

    Q8_0 needs attention heads whose size is a multiple of 32. Where that fails, the usual cache is
    taken without flash attention, which agrees alone and on a warm cache, and the parent is told.
    """
    flash, kind = xllamacpp.llama_flash_attn_type, xllamacpp.ggml_type
    for invariant, attention, cache in (
        (True, flash.LLAMA_FLASH_ATTN_TYPE_ENABLED, kind.GGML_TYPE_Q8_0),
        (False, flash.LLAMA_FLASH_ATTN_TYPE_DISABLED, kind.GGML_TYPE_F16),
    ):
        parameters = _settings(xllamacpp, arguments)
        parameters.flash_attn_type = attention
        parameters.cache_type_k = parameters.cache_type_v = cache
        try:
            return xllamacpp.Server(parameters), invariant
        except RuntimeError as error:
            sys.stderr.write(f"llama.cpp: {error}\n")
    sys.exit(1)


def _settings(xllamacpp: Any, arguments: argparse.Namespace) -> Any:
    """Give llama.cpp's parameters, but for the cache's type.

    Each slot has a cache of its own (`kv_unified` off): in a shared one, a request's place
    depends on its neighbours, and so do its last bits.
    """
    p = xllamacpp.CommonParams()
    p.model.path = arguments.model
    p.model_alias = {arguments.alias}
    p.hostnames = ["127.0.0.1"]
    p.port = 0
    p.n_parallel = arguments.slots
    p.n_ctx = arguments.slots * arguments.context
    p.n_gpu_layers = 0
    p.cpuparams.n_threads = arguments.threads
    p.cpuparams_batch.n_threads = arguments.threads
    p.kv_unified = False
    # llama.cpp reserves a mean-pooling graph for a batch cut evenly by slots, or aborts.
    p.n_batch = p.n_ubatch = max(BATCH_TOKENS // arguments.slots, 1) * arguments.slots
    p.cache_ram_mib = 0  # a slot's own prefix is kept; the second cache may grow to 8 GiB
    p.cache_idle_slots = False
    p.fit_params = False  # never shrink the context on the quiet
    p.embedding = True
    p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    p.endpoint_props = True
    p.endpoint_slots = True
    p.endpoint_metrics = True
    p.offline = True
    p.ui = False
    p.cors_origins = ""  # web pages in the user's browser have no business here
    p.verbosity = WARNINGS
    return p


if __name__ == "__main__":
    main()
