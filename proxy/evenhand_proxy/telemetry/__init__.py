"""OpenTelemetry names and emitters, and token counts: projections of the audit facts, not audit."""
