"""Which telemetry leaves the process, as OpenTelemetry's standard environment variables say.

Only what decides whether to export is read here. Endpoints, headers, timeouts, compression,
certificates, samplers and resource attributes are read by OpenTelemetry's SDK itself
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from evenhand_proxy.errors import ConfigError

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "http/protobuf"


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What to export, and how much may wait.

    `queue` bounds the requests that wait to become telemetry, and apart from them the spans that
    wait for the collector; what comes when it is full is dropped and counted. `shutdown_seconds`
    bounds the last flush.
    """

    spans: bool = False
    otlp_metrics: bool = False
    queue: int = 8192
    shutdown_seconds: float = 5.0


def settings_from(environment: Mapping[str, str]) -> TelemetrySettings:
    """Read the standard variables.

    A signal is exported if an endpoint is set, for all signals or for it, or its exporter is
    named (`OTEL_TRACES_EXPORTER=otlp`), unless the exporter is `none` or `OTEL_SDK_DISABLED` is
    true.

    Raises:
        ConfigError: an exporter or protocol is asked for that there is not.

    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return TelemetrySettings()
    return TelemetrySettings(
        spans=_exported(environment, "TRACES", ()),
        otlp_metrics=_exported(environment, "METRICS", ("prometheus",)),
    )


def _exported(environment: Mapping[str, str], signal: str, built_in: tuple[str, ...]) -> bool:
    variable = f"OTEL_{signal}_EXPORTER"
    exporters = {name.strip() for name in environment.get(variable, "").split(",")} - {""}
    unknown = exporters - {"otlp", "none", *built_in}
    if unknown:
        raise ConfigError(
            f"{variable}={environment[variable]!r}: there is no exporter "
            f"{', '.join(sorted(unknown))} here; use otlp, or none"
        )
    endpoint = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environment.get(
        _ENDPOINT
    )
    wanted = "otlp" in exporters or (not exporters and bool(endpoint))
    if wanted:
        _check_protocol(environment, signal)
    return wanted


def _check_protocol(environment: Mapping[str, str], signal: str) -> None:
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(variable, "").strip()
        if protocol and protocol != _PROTOCOL:
            raise ConfigError(
                f"{variable}={protocol!r}: telemetry is exported over {_PROTOCOL} only; set it to "
                f"{_PROTOCOL} (a collector's usual port for that is 4318)"
            )
        if protocol:
            return
