"""`evenhand serve`: the proxy in front of configured engines, or of an embedded one."""

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click
import uvicorn
import uvloop

from evenhand_proxy.api.app import build_app
from evenhand_proxy.api.policies import Policies
from evenhand_proxy.cli.model import ensure_local
from evenhand_proxy.cli.output import data_dir_option, resolve_data_dir
from evenhand_proxy.config import Config, Listen, Model
from evenhand_proxy.config_file import load
from evenhand_proxy.engines.local import LocalEngine
from evenhand_proxy.errors import ConfigError, EngineError

log = logging.getLogger("evenhand")

DEFAULT_LOCAL = "smollm2"
GRACE = 30
"""Seconds that open streams have to end when the proxy is asked to stop."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="The config file (YAML)."
)
@click.option(
    "--local",
    is_flag=False,
    flag_value=DEFAULT_LOCAL,
    default=None,
    metavar="[MODEL|PATH]",
    help="Run a model here too: smollm2 (fetched if missing), tiny-glm4, or a GGUF file.",
)
@click.option(
    "--slots", default=4, show_default=True, help="Requests the local model serves at once."
)
@click.option("--context", default=2048, show_default=True, help="Tokens of context for each slot.")
@click.option("--host", default=None, help="Overrides listen.host.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Overrides listen.port; 0 takes a free one.",
)
@data_dir_option
def serve(
    config_file: Path | None,
    local: str | None,
    slots: int,
    context: int,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
) -> None:
    """Start the proxy.

    Needs --config, --local or both. When it listens it writes one line to standard error:
    {"event": "listening", "url": ...}.
    """
    if config_file is None and local is None:
        raise ConfigError(
            "serve: nothing to serve; give --config FILE, or --local for a model here"
        )
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    config = load(config_file) if config_file else Config()
    listen = replace(
        config.listen,
        host=config.listen.host if host is None else host,
        port=config.listen.port if port is None else port,
    )
    folder = resolve_data_dir(data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--data-dir: {folder} cannot be made: {error.strerror}; name another folder"
        ) from error
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(replace(config, listen=listen), local, slots, context, folder))


async def _serve(config: Config, local: str | None, slots: int, context: int, folder: Path) -> None:
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_bind(config.listen))
        engine = None
        if local is not None:
            engine = await _local_engine(stack, local, slots, context, folder)
            model = Model("llamacpp", engine.base_url)
            config = replace(config, models={**config.models, engine.model: model})
        listen = config.listen
        if not config.keys and listen.host not in _LOOPBACK:
            log.warning("listening on %s without keys: everybody there is served", listen.host)
        app = build_app(config, folder)
        server = _Server(
            uvicorn.Config(
                app,
                host=listen.host,
                port=listen.port,
                loop="none",
                http="httptools",
                ws="none",
                lifespan="on",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                log_config=None,
                timeout_graceful_shutdown=GRACE,
                timeout_keep_alive=75,
            ),
            app.services.policies,
        )
        await _serve_while(server, listener, engine)
        if not server.started:
            raise ConfigError("serve: the proxy could not start; see above")


async def _local_engine(
    stack: AsyncExitStack, local: str, slots: int, context: int, folder: Path
) -> LocalEngine:
    """Start the embedded engine; it ends with the stack."""
    name, weights = await ensure_local(local, folder)
    log_path = folder / "engine.log"
    engine = LocalEngine(weights, alias=name, slots=slots, context=context, log_path=log_path)
    return await stack.enter_async_context(engine)


def _bind(listen: Listen) -> socket.socket:
    """Take the address before anything slow is started."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"listen: {listen.host}:{listen.port} cannot be used: {error.strerror}; "
            "choose another --port, or 0 for a free one"
        ) from error


async def _serve_while(
    server: uvicorn.Server, listener: socket.socket, engine: LocalEngine | None
) -> None:
    """Serve until told to stop, or until the embedded engine ends by itself."""
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    if engine is None:
        return await serving
    ended = asyncio.ensure_future(engine.wait())
    await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        ended.cancel()
        return serving.result()
    server.should_exit = True
    await serving
    raise EngineError(
        f"the local engine ended with status {ended.result()}; its log is {engine.log_path}"
    )


class _Server(uvicorn.Server):
    """uvicorn, saying where it listens in one line that programs can read."""

    def __init__(self, config: uvicorn.Config, policies: Policies) -> None:
        super().__init__(config)
        self._policies = policies

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End well on SIGINT and SIGTERM, where uvicorn would raise the signal once more.

        SIGHUP has the policy read again, where there is one; otherwise it ends the proxy, as it
        does when a terminal is closed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        if self._policies.path is not None:
            loop.add_signal_handler(signal.SIGHUP, self._policies.reload)
        yield
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say where."""
        await super().startup(sockets)
        for server in self.servers if self.started else ():
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                url = f"http://{shown}:{port}"
                click.echo(json.dumps({"event": "listening", "url": url}), err=True)
