"""The OpenAPI document and a page that shows it, without anything fetched from elsewhere."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from evenhand_proxy.api.inference import ROUTES
from evenhand_proxy.api.services import Services

_HOT = {
    "/v1/chat/completions": ("Answer a conversation, plain or as a stream", "messages"),
    "/v1/completions": ("Continue a text, plain or as a stream", "prompt"),
    "/v1/embeddings": ("Turn texts into vectors", "input"),
    "/v1/responses": ("Answer through the engine's own Responses API", "input"),
    "/v1/messages": ("Answer a conversation of Anthropic's Messages API", "messages"),
}

_HEADERS = {
    "evenhand-request-id": "The id under which the audit has this request.",
    "evenhand-decoding": "The decoding fingerprint: SHA-256 over the effective parameters.",
    "evenhand-changes": "JSON: each change with parameter, action, old, new and reason.",
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }
code, pre { font-family: ui-monospace, monospace }
section { border-top: 1px solid #8884; padding: .5rem 0 }
b { display: inline-block; min-width: 4rem }
"""


def describe_hot_routes(app: FastAPI) -> None:
    """Add the hot routes, which FastAPI never sees, to its OpenAPI document."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        for path in ROUTES:
            document["paths"].setdefault(path, {"post": _operation(path)})
        return document

    app.openapi = described  # type: ignore[method-assign]


def _operation(path: str) -> dict[str, Any]:
    summary, content = _HOT[path]
    return {
        "tags": ["inference"],
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["model", content],
                        "properties": {"model": {"type": "string"}, content: {}},
                        "additionalProperties": True,
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "The engine's answer, bytes untouched",
                "headers": {
                    name: {"description": text, "schema": {"type": "string"}}
                    for name, text in _HEADERS.items()
                },
            },
            "4XX": {"description": "An error in OpenAI's shape"},
        },
    }


def router(_: Services) -> APIRouter:
    """Make the page `/docs`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs", response_class=HTMLResponse)
    async def page(request: Request) -> str:
        document = request.app.openapi()
        sections = "".join(
            f"<section><h2><b>{escape(method.upper())}</b> <code>{escape(path)}</code></h2>"
            f"<p>{escape(operation.get('summary', ''))}</p></section>"
            for path, operations in sorted(document["paths"].items())
            for method, operation in operations.items()
        )
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><title>Evenhand API</title>"
            f"<style>{_STYLE}</style><h1>Evenhand</h1><p>{escape(document['info']['summary'])} "
            f'The whole document: <a href="/openapi.json">openapi.json</a>.</p>{sections}</html>'
        )

    return routes
