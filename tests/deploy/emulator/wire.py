"""CloudFormation's query protocol: form in, XML out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


class ApiError(Exception):
    """An error answer of the CloudFormation API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_form(body: bytes) -> dict[str, Any]:
    """Turn `Parameters.member.1.ParameterKey=…` into nested dicts and lists."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        node = tree
        *path, last = name.split(".")
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return {key: _lists(value) for key, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if set(node) == {"member"}:
        return [_lists(node["member"][index]) for index in sorted(node["member"], key=int)]
    return {key: _lists(value) for key, value in node.items()}


def write_result(action: str, result: dict[str, Any]) -> bytes:
    """Return the XML document of a successful answer."""
    inner = f"<{action}Result>{_xml(result)}</{action}Result>"
    metadata = "<ResponseMetadata><RequestId>deploy-test</RequestId></ResponseMetadata>"
    return f'<{action}Response xmlns="{NAMESPACE}">{inner}{metadata}</{action}Response>'.encode()


def write_error(error: ApiError) -> bytes:
    """Return the XML document of an error answer."""
    body = _xml({"Type": "Sender", "Code": error.code, "Message": str(error)})
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{body}</Error><RequestId>deploy-test</RequestId></ErrorResponse>'
    ).encode()


def _xml(node: Any) -> str:
    if isinstance(node, dict):
        return "".join(f"<{key}>{_xml(value)}</{key}>" for key, value in node.items() if value is not None)
    if isinstance(node, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in node)
    if isinstance(node, bool):
        return str(node).lower()
    return escape(str(node))
