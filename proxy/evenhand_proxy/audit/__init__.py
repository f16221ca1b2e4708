"""The journal of requests: what was asked, sent and answered, durably, apart from telemetry."""
