"""What runs inside a worker process: a small client of the Lambda Runtime API, standard library only.

The file is loaded by its folder, not as part of its package, so that a worker imports nothing of the service
and starts in a few milliseconds. It behaves like Lambda's own Python runtime where a handler can see it:
error types and texts, the context object, the root logger, the exit code after a failed import.
"""

from __future__ import annotations

import _socket  # `socket` costs 4 ms of imports, and a client needs none of what it adds
import json
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

API = "/2018-06-01/runtime"
_HEAD_END = b"\r\n\r\n"
_CHUNK = 65_536


class RuntimeApi:
    """One keep-alive connection to the endpoint that this process alone uses."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._socket.connect((host, int(port)))
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._host = address

    def get(self, path: str) -> tuple[dict[str, str], bytes]:
        """Send a GET and return the reply's headers (lower case) and body."""
        self._socket.sendall(f"GET {API}{path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode("latin-1"))
        return self._reply()

    def post(self, path: str, body: bytes, headers: str = "") -> None:
        """Send a POST and wait for its acknowledgement."""
        head = f"POST {API}{path} HTTP/1.1\r\nHost: {self._host}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode("latin-1") + body)
        self._reply()

    def watch(self, *, on: bool) -> None:
        """Die with the service while a handler runs: nothing comes on the connection then but its end.

        SIGIO ends a process on Linux; elsewhere it does nothing, and the worker notices when it answers.
        """
        if not hasattr(os, "O_ASYNC"):  # Windows
            return
        import fcntl

        descriptor = self._socket.fileno()
        if on:
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC if on else flags & ~os.O_ASYNC)

    def _reply(self) -> tuple[dict[str, str], bytes]:
        data = b""
        while _HEAD_END not in data:
            data += self._receive()
        head, body = data.split(_HEAD_END, 1)
        headers = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        missing = int(headers.get("content-length", "0")) - len(body)
        parts = [body]
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        return headers, b"".join(parts)

    def _receive(self) -> bytes:
        data = self._socket.recv(_CHUNK)
        if not data:
            raise SystemExit(0)  # the service is gone: so is the reason to live
        return data


class ClientIdentity:
    """Who called, when the caller came through Cognito; both members are None otherwise."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


class ClientContext:
    """What the caller sent as client context."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.custom = document.get("custom")
        self.env = document.get("env")
        self.client = document.get("client")


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, headers: dict[str, str]) -> None:
        environ = os.environ
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = ClientIdentity()
        document = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(document)) if document else None
        self._deadline = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before the function timeout."""
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message: object) -> None:
        """Write a message to the function's log."""
        sys.stdout.write(str(message))


class RequestIdFilter(logging.Filter):
    """Puts the request id on every log record."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `aws_request_id` and let the record pass."""
        record.aws_request_id = self.request_id
        return True


class JsonFormatter(logging.Formatter):
    """The JSON log format of Lambda's managed Python runtime."""

    _OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "aws_request_id"}

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        line: dict[str, Any] = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "aws_request_id", ""),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in self._OWN}
        if record.exc_info and record.exc_info[0]:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = self.formatException(record.exc_info).split("\n")
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logging() -> RequestIdFilter:
    """Give the root logger the handler that Lambda gives it."""
    request_ids = RequestIdFilter()
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(request_ids)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        handler.setFormatter(JsonFormatter())
    else:
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    logging.root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    if level:
        logging.root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))
    return request_ids


class FaultError(Exception):
    """A failure of the runtime rather than of the handler; `kind` is Lambda's error type for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


def load_handler(name: str) -> Callable[[Any, LambdaContext], Any]:
    """Import the module of a handler string and return the function."""
    import importlib

    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise FaultError("Runtime.MalformedHandlerName", f"Bad handler '{name}': {reason}")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise FaultError("Runtime.ImportModuleError", text) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise FaultError("Runtime.UserCodeSyntaxError", text, trace) from error
    try:
        function: Callable[[Any, LambdaContext], Any] = getattr(module, function_name)
    except AttributeError as error:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise FaultError("Runtime.HandlerNotFound", text) from error
    return function


def encode_result(value: Any) -> bytes:
    """Encode what the handler returned as Lambda does: bytes as they are, Decimal as a number."""
    if isinstance(value, bytes):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=_encode_decimal).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FaultError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _encode_decimal(value: object) -> float | int:
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def error_document(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return the error body that Lambda's runtime posts for an exception."""
    if isinstance(error, FaultError):
        kind, trace = error.kind, error.trace
    else:
        import traceback

        frames = traceback.extract_tb(error.__traceback__)
        kind = type(error).__name__
        trace = traceback.format_list(
            [frame for frame in frames if frame.filename != __file__],
        )
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def log_error(document: dict[str, Any]) -> None:
    """Write an error to the function's log."""
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(json.dumps({"timestamp": stamp, "level": "ERROR", **document}) + "\n")
    else:
        trace = "".join(document["stackTrace"])
        text = f"[ERROR] {document['errorType']}: {document['errorMessage']}"
        sys.stdout.write(f"{text}\nTraceback (most recent call last):\n{trace}" if trace else f"{text}\n")


def flush_output() -> None:
    """Push out what the handler printed: what is in the pipe before the reply belongs to this request."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the handler closed its stream; that is its right
            continue


def post_failure(api: RuntimeApi, path: str, document: dict[str, Any]) -> None:
    """Log an error and post it."""
    log_error(document)
    flush_output()
    kind = str(document["errorType"]).encode("ascii", "replace").decode()
    body = json.dumps(document).encode()
    api.post(path, body, f"Lambda-Runtime-Function-Error-Type: {kind}\r\n")


def serve_one(api: RuntimeApi, handler: Callable[[Any, LambdaContext], Any], ids: RequestIdFilter) -> None:
    """Take one invocation, run the handler, post its result or its error."""
    headers, body = api.get("/invocation/next")
    request_id = ids.request_id = headers["lambda-runtime-aws-request-id"]
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        try:
            event = json.loads(body)
        except ValueError as error:
            raise FaultError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
        api.watch(on=True)
        try:
            result = encode_result(handler(event, LambdaContext(headers)))
        finally:
            api.watch(on=False)
    except Exception as error:  # noqa: BLE001  every failure of a handler is the caller's to see
        post_failure(api, f"/invocation/{request_id}/error", error_document(error, request_id))
        return
    flush_output()
    api.post(f"/invocation/{request_id}/response", result)


def main(extra_paths: list[str]) -> None:
    """Run the worker until the service goes away."""
    import builtins
    from _sitebuiltins import Quitter  # `site` is skipped for speed, but handlers may call exit()

    builtins.exit = Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = Quitter("quit", "Ctrl-D (i.e. EOF)")
    sys.path += extra_paths
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a fresh process has text streams
    ids = set_up_logging()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001  whatever the module does on import
        post_failure(api, "/init/error", error_document(error, ""))
        raise SystemExit(1) from None
    while True:
        serve_one(api, handler, ids)
