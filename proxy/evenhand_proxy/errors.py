"""What can go wrong in the proxy, as one tree.

    EvenhandError
    ├── ConfigError          the config file or a setting is wrong (exit code 2)
    ├── RequestError         the client's request is wrong (HTTP 4xx)
    │   ├── PolicyRefusal         400
    │   ├── AuthenticationError   401
    │   ├── ModelNotFound         404
    │   ├── RouteNotFound         404
    │   ├── MethodNotAllowed      405
    │   ├── BodyTooLarge          413
    │   └── UnsupportedMedia      415
    ├── UpstreamError        the engine failed (HTTP 502)
    │   ├── UpstreamUnreachable   502
    │   ├── UpstreamTimeout       504
    │   └── UpstreamBroken        502, the answer ended before it was complete
    ├── AuditUnavailable     the journal cannot take a row (HTTP 503)
    └── EngineError          the embedded engine or its model cannot be had (exit code 3)

Each HTTP error knows its status and the `type` and `code` of OpenAI's error body.
"""

from typing import Any, ClassVar


class EvenhandError(Exception):
    """Base of every error that the proxy raises on purpose."""


class ConfigError(EvenhandError):
    """A config file, key or command-line setting that cannot be used."""


class EngineError(EvenhandError):
    """The embedded engine, or the model that it needs, cannot be had."""


class HTTPError(EvenhandError):
    """An error that is answered to the client in OpenAI's shape."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.error_code = code or self.code

    def body(self) -> dict[str, Any]:
        """OpenAI's error object: `{"error": {"message", "type", "param", "code"}}`."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.error_code,
            }
        }


class RequestError(HTTPError):
    """The client's request cannot be served as it stands."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class PolicyRefusal(RequestError):
    """A rule of the policy does not allow the request's decoding parameters."""

    code = "policy_refused"


class AuthenticationError(RequestError):
    """No key, or one that is not known here."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class ModelNotFound(RequestError):
    """The model, or the profile behind its `@`, is not configured."""

    status = 404
    code = "model_not_found"


class RouteNotFound(RequestError):
    """No such path."""

    status = 404
    code = "route_not_found"


class MethodNotAllowed(RequestError):
    """The path does not take this method."""

    status = 405
    code = "method_not_allowed"


class BodyTooLarge(RequestError):
    """The body is larger than `limits.body_bytes`."""

    status = 413
    code = "body_too_large"


class UnsupportedMedia(RequestError):
    """The body is compressed or is not JSON."""

    status = 415
    code = "unsupported_media_type"


class UpstreamError(HTTPError):
    """The engine did not give a usable answer."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection to the engine could be made."""

    code = "upstream_unreachable"


class UpstreamTimeout(UpstreamError):
    """The engine did not answer in time."""

    status = 504
    code = "upstream_timeout"


class UpstreamBroken(UpstreamError):
    """The engine closed the connection before its answer was complete."""

    code = "upstream_broken"


class AuditUnavailable(HTTPError):
    """The journal cannot take the opening row, so the request is not served."""

    status = 503
    code = "audit_unavailable"
