"""Stand-ins for the host's protobuf messages.

The worker library is handed a `protos` module and only ever builds messages by keyword, reads attributes and
asks `WhichOneof`. A bag of fields answers all three. A message must have no attribute `TypedData`: the
library tries that name first and takes whatever it finds for the value itself.
"""

from types import SimpleNamespace
from typing import Any


class Fields(SimpleNamespace):
    """One message: the fields it was built with, and nothing else."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - protobuf's own name
        """Name the field set in `group`; None where the message is empty."""
        if group == "rpc_data":
            return "data"
        return next(iter(vars(self)), None)


class BindingInfo(Fields):
    """Directions of FunctionRpc.proto, `BindingInfo.Direction` and `DataType`."""

    undefined = 0
    out = 1
    inout = 2


class StatusResult(Fields):
    """States of FunctionRpc.proto, `StatusResult.Status`."""

    Failure = 0
    Success = 1


class RpcHttpCookie(Fields):
    """A cookie of an HTTP answer, with the names of `RpcHttpCookie.SameSite`."""

    SameSite = SimpleNamespace(**{"None": "", "Lax": "Lax", "Strict": "Strict", "ExplicitNone": "None"})


_PLAIN = (
    "FunctionLoadResponse",
    "FunctionMetadataResponse",
    "InvocationResponse",
    "NullableBool",
    "NullableDouble",
    "NullableString",
    "NullableTimestamp",
    "ParameterBinding",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcHttp",
    "RpcRetryOptions",
    "Timestamp",
    "TypedData",
    "WorkerInitResponse",
    "WorkerMetadata",
)

PROTOS: Any = SimpleNamespace(
    BindingInfo=BindingInfo,
    StatusResult=StatusResult,
    RpcHttpCookie=RpcHttpCookie,
    **dict.fromkeys(_PLAIN, Fields),
)
