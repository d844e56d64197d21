"""A loopback AWS for the deploy test: a small CloudFormation of our own in front of moto.

Moto's CloudFormation drops `DurableConfig`, knows no aliases and updates in the wrong order. So this package
answers the CloudFormation API itself (`stacks`, `intrinsics`, `wire`), creates each resource with ordinary AWS API
calls (`providers`), and leaves S3, IAM, SSM, STS, Lambda and the rest to moto (`moto_lambda` adds the two members
that moto's Lambda forgets).

What it proves: the templates resolve, deploy, update and go away in CloudFormation's order, and the calls they
lead to are accepted. What it does not prove: anything about IAM decisions, quotas, timing or roll-back.

Run it as `python tests/deploy/emulator [LAMBDA_URL]`; one line of JSON says the endpoint when it is ready. With a URL,
functions are made there: in the local service, where they run.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto_lambda import keep_durable_members
from providers import providers
from stacks import REGION, CloudFormation
from werkzeug.serving import make_server
from wire import ApiError, read_form, write_error, write_result


class Application:
    """Answers CloudFormation itself and hands every other request to moto."""

    def __init__(self, endpoint: str, lambda_endpoint: str | None) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        s3, ssm = session.client("s3", endpoint_url=endpoint), session.client("ssm", endpoint_url=endpoint)

        def read_url(url: str) -> str:
            bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

        self._stacks = CloudFormation(
            providers(endpoint, lambda_endpoint),
            read_url,
            lambda name: ssm.get_parameter(Name=name)["Parameter"]["Value"],
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "/cloudformation/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
            return self._moto(environ, start_response)
        form = read_form(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        action = form.pop("Action")
        try:
            status, body = "200 OK", write_result(action, self._stacks.call(action, form))
        except ApiError as error:
            status, body = "400 Bad Request", write_error(error)
        start_response(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body]


def main() -> None:
    """Bind to a free port of loopback, say which, and serve until killed."""
    keep_durable_members()
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    endpoint = f"http://127.0.0.1:{server.port}"
    server.app = Application(endpoint, sys.argv[1] if len(sys.argv) > 1 else None)
    sys.stdout.write(json.dumps({"endpoint": endpoint}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
