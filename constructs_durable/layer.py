"""The runtime as a Lambda layer, once per stack."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs_durable._arguments import checked
from constructs_durable._layer_content import layer_content

if TYPE_CHECKING:
    from constructs import Construct, IConstruct

__all__ = ["DurableRuntimeLayer", "DurableSdk"]


class DurableSdk(enum.Enum):
    """Where the handler's durable runtime comes from."""

    RUNTIME_LAYER = "the layer with `durable_runtime`"
    RUNTIME_LAYER_AS_AWS_SDK = "the layer with `durable_runtime`, also importable under the name of AWS's SDK"
    AWS_SDK = "AWS's SDK, preinstalled from python3.13 on or among the handler's dependencies"
    BUNDLED = "the handler's own code or layers"


class DurableRuntimeLayer(lambda_.LayerVersion):
    """The packaged `durable_runtime`, with an asset hash that depends on its source alone."""

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002  CDK's name for it
        *,
        aws_sdk_alias: bool = False,
        removal_policy: cdk.RemovalPolicy | None = None,
    ) -> None:
        """Make a layer; use `of()` to share one per stack.

        Args:
            scope: Where the layer belongs.
            id: Its name there.
            aws_sdk_alias: Also ship the name of AWS's SDK, for handlers that move over unchanged.
            removal_policy: What happens to an old layer version. Default: it is deleted;
                published function versions keep their copy.
        """
        content = layer_content(aws_sdk_alias=aws_sdk_alias)
        self.content_hash = content.digest
        super().__init__(
            scope,
            id,
            code=lambda_.Code.from_asset(
                str(content.archive()), asset_hash=content.digest, asset_hash_type=cdk.AssetHashType.CUSTOM
            ),
            description=f"durable_runtime {content.digest[:12]}",
            removal_policy=removal_policy,
        )

    @classmethod
    @checked
    def of(cls, scope: IConstruct, *, aws_sdk_alias: bool = False) -> DurableRuntimeLayer:
        """Return the layer that all durable functions of the stack around `scope` share."""
        known = _LAYERS.setdefault(scope, {})
        if aws_sdk_alias not in known:
            known[aws_sdk_alias] = cls._in_stack(cdk.Stack.of(scope), aws_sdk_alias=aws_sdk_alias)
        return known[aws_sdk_alias]

    @classmethod
    def for_sdk(cls, scope: IConstruct, sdk: DurableSdk) -> DurableRuntimeLayer | None:
        """Return the layer that a choice of SDK needs, if it needs one."""
        if sdk in (DurableSdk.AWS_SDK, DurableSdk.BUNDLED):
            return None
        return cls.of(scope, aws_sdk_alias=sdk is DurableSdk.RUNTIME_LAYER_AS_AWS_SDK)

    @classmethod
    def _in_stack(cls, stack: cdk.Stack, *, aws_sdk_alias: bool) -> DurableRuntimeLayer:
        child_id = "DurableRuntimeLayerAsAwsSdk" if aws_sdk_alias else "DurableRuntimeLayer"
        found = stack.node.try_find_child(child_id)
        return found if isinstance(found, cls) else cls(stack, child_id, aws_sdk_alias=aws_sdk_alias)


_LAYERS: WeakKeyDictionary[IConstruct, dict[bool, DurableRuntimeLayer]] = WeakKeyDictionary()
"""The layer for a scope, found before: asking the tree costs three calls into Node."""
