"""Everything a running proxy holds: made by `build_app`, handed to the routes, nothing global."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from evenhand_proxy.api.catalog import Catalog
from evenhand_proxy.api.decoder import Decoder
from evenhand_proxy.api.guard import Guard
from evenhand_proxy.api.policies import Policies
from evenhand_proxy.audit.journal import Journal
from evenhand_proxy.config import Config
from evenhand_proxy.engines.monitor import EngineMonitor
from evenhand_proxy.telemetry.emitter import Telemetry
from evenhand_proxy.telemetry.tokens import TokenCounter
from evenhand_proxy.upstream.litellm_client import LitellmClient
from evenhand_proxy.upstream.transport import Transport


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one proxy. `hosted` is there where a model goes through litellm."""

    config: Config
    guard: Guard
    catalog: Catalog
    decoder: Decoder
    policies: Policies
    monitor: EngineMonitor
    transport: Transport
    journal: Journal
    telemetry: Telemetry
    tokens: TokenCounter
    hosted: LitellmClient | None = None
    background: set[asyncio.Task[None]] = field(default_factory=set)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something after the answer; the proxy waits for it when it stops."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
