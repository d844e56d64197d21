"""The rules of Lambda's durable execution service: limits, error texts and the answers where sources disagree.

Each constant names its source: [M] the API model (botocore 1.44.5, `lambda/2015-03-31`), [D] the Lambda developer
guide, [T] the texts AWS's testing library 1.4.0 answers with, [F] texts another emulator reports to have seen on AWS,
[P] the Lambda price list for us-east-1, [O] our own choice where no source speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MEGABYTE = 1024 * 1024
DAY = 86_400
"""Seconds."""

# --- limits of members ---
MAX_DURATION = 31_622_400  # seconds, 366 days: execution timeout, wait, step retry delay [M]
MAX_CALLBACK_TIMEOUT = 99_999_999  # seconds; 0 or absent means none [M]
MAX_RETENTION_DAYS = 90  # [M]
MAX_NAME = 64  # DurableExecutionName [M]
MAX_OPERATION_ID = 64  # [M]
MAX_OPERATION_NAME = 256  # [M]
MAX_SUB_TYPE = 32  # [M]
MAX_TOKEN = 2048  # CheckpointToken [M]
MAX_CALLBACK_ID = 1024  # [M]
MAX_CLIENT_TOKEN = 64  # [M]
MAX_REASON = 1024  # Pause and Resume [M]
MAX_FUNCTION_NAME = 256  # ChainedInvokeOptions.FunctionName, Invoke [M]
MAX_TENANT_ID = 256  # [M]
MAX_TRACE_HEADER = 8192  # XAmznTraceId [M]
MAX_CLIENT_CONTEXT = 3583  # bytes of base64 [M]
PAGE_DEFAULT = 100  # MaxItems absent or 0 [M]
PAGE_MAX = 1000  # [M]
STATUSES_MAX = 10  # List: ?Statuses [M]

# --- limits of sizes, in UTF-8 bytes -----------------------------------------------------------------------------
MAX_SYNC_PAYLOAD = 6 * MEGABYTE  # Invoke RequestResponse in and out; EXECUTION of a sync start [M]
MAX_ASYNC_PAYLOAD = 1 * MEGABYTE  # Invoke Event; EXECUTION of an async start [M]
MAX_OPERATION_PAYLOAD = 1 * MEGABYTE  # STEP, CONTEXT, WAIT, CALLBACK, CHAINED_INVOKE [M]; older pages said 256 KB [D]
MAX_ERROR = 1 * MEGABYTE  # all fields of an ErrorObject together [M]
MAX_PAGE_BYTES = 5 * MEGABYTE  # of a state page, so that the event stays under the 6 MB of an invocation [O]

# --- quotas of one execution ---
MAX_OPERATIONS = 3_000  # [D] quota L-42D0A120
MAX_STORAGE = 100 * MEGABYTE  # cumulative bytes written [D] quota L-560437FE
QUOTA_WARNING = 0.8  # of a quota [O]

# --- request rates, per second, in most Regions [D] ---
RATES = {
    "Invoke": 300,
    "CheckpointDurableExecution": 10_000,
    "GetDurableExecutionState": 10_000,
    "SendDurableExecutionCallbackSuccess": 3_000,
    "SendDurableExecutionCallbackFailure": 3_000,
    "SendDurableExecutionCallbackHeartbeat": 3_000,
    "StopDurableExecution": 300,
    "GetDurableExecution": 30,
    "GetDurableExecutionHistory": 15,
    "ListDurableExecutionsByFunction": 15,
}
RATE_EXCEEDED = "Rate exceeded"  # [D]

# --- time ---
MAX_SYNC_TIMEOUT = 900  # seconds: longest ExecutionTimeout a sync Invoke or an event source takes [D]
MAX_INVOCATION = 900  # seconds [D]
DEFAULT_RETENTION_DAYS = 14  # guide, CDK, SAM [D]; one API page says 30
CLIENT_TOKEN_WINDOW = 15 * 60  # seconds [M]
MARKER_LIFETIME = 24 * 3600  # seconds [M]; our markers are positions in an append-only log and never expire
LONGEST_LIFE = 366 * DAY  # seconds after the start; even a paused execution times out then [M]
RETRY_DELAYS = (1, 2, 4, 8, 16, 32, 60)  # seconds before an invocation is tried again; the last repeats. 1..8 [F]
EVENT_RETRIES = 2  # of an asynchronous invocation of a plain function [D]
EVENT_RETRY_DELAYS = (60, 120)  # seconds before each of them [D]
EVENT_AGE = 6 * 3600  # seconds such an event may wait [D]
DEFAULT_LOG_LEVEL = "INFO"  # ApplicationLogLevel of a function that logs JSON [D]
REPLIES_KEPT = 8  # replies kept for replay by client token, per execution [O]

# --- prices, US dollars ---
PRICE_PER_OPERATION = 8.00 / 1_000_000  # [P]
PRICE_PER_GB_WRITTEN = 0.25  # [P]
PRICE_PER_GB_MONTH = 0.15  # [P]
GIGABYTE = 1024**3

# --- patterns [M] ------------------------------------------------------------------------------------------------
ARN_PATTERN = (
    r"arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+):"
    r"(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)"
)
NAME_PATTERN = r"[a-zA-Z0-9-_]+"
OPERATION_NAME_PATTERN = r"[\x20-\x7E]+"
TOKEN_PATTERN = r"[A-Za-z0-9+/]+={0,2}"  # noqa: S105  a pattern, not a secret
CLIENT_TOKEN_PATTERN = r"[\x21-\x7E]+"  # noqa: S105  a pattern, not a secret
TENANT_PATTERN = r"[a-zA-Z0-9\._:\/=+\-@ ]+"

# --- statuses ---
RUNNING, PAUSING, PAUSED = "RUNNING", "PAUSING", "PAUSED"
SUCCEEDED, FAILED, TIMED_OUT, STOPPED, DELETING = "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "DELETING"
OPEN_STATUSES = frozenset({RUNNING, PAUSING, PAUSED})
CLOSED_STATUSES = frozenset({SUCCEEDED, FAILED, TIMED_OUT, STOPPED})
EXECUTION_STATUSES = (RUNNING, SUCCEEDED, FAILED, TIMED_OUT, STOPPED, DELETING, PAUSING, PAUSED)

# --- texts: tokens and batches ---
INVALID_TOKEN = "Invalid checkpoint token"  # noqa: S105  the service's text; SDKs match on it [T][F]
FOREIGN_TOKEN = "Checkpoint token is not valid for the durable execution ARN"  # noqa: S105  a text [F]
TWO_EXECUTION_UPDATES = "Cannot checkpoint multiple EXECUTION updates."  # [T]
EXECUTION_NOT_LAST = "EXECUTION checkpoint must be the last update."  # [T]
SAME_OPERATION_TWICE = "Cannot update the same operation twice in a single request."  # [F]
INVALID_PARENT = "Invalid parent operation id."  # [T][F]
INCONSISTENT_TYPE = "Inconsistent operation type."  # [T][F]
INCONSISTENT_SUB_TYPE = "Inconsistent operation subtype."  # [T][F]
INCONSISTENT_NAME = "Inconsistent operation name."  # [T][F]
INCONSISTENT_PARENT = "Inconsistent parent operation id."  # [T][F]
ERROR_ON_SUCCEED = "Cannot provide an Error for SUCCEED action."  # [T]
PAYLOAD_ON_FAIL = "Cannot provide a Payload for FAIL action."  # [T]
INVALID_ACTION = "Invalid {type} action."  # [T]
CANNOT_START_EXISTING = "Cannot start a {type} that already exist."  # sic [T]
CANNOT_START_EXISTING_INVOKE = "Cannot start a CHAINED_INVOKE operation that already exists."  # [T]
STEP_NOT_STARTABLE = "Invalid current STEP state to start."  # [T]
NOT_CLOSABLE = "Invalid current {type} state to close."  # [T]
RETRY_BOTH = "Cannot provide both error and payload to RETRY a STEP."  # [T]
INVALID_STEP_OPTIONS = "Invalid StepOptions for the given action."  # [T]
WAIT_NOT_CANCELLABLE = "Cannot cancel a WAIT that does not exist or has already completed."  # [T]
WAIT_OPTIONS_MISSING = "WaitOptions.WaitSeconds is required to START a WAIT."  # [O]
INVOKE_OPTIONS_MISSING = "ChainedInvokeOptions.FunctionName is required to START a CHAINED_INVOKE."  # [O]
TOO_MANY_OPERATIONS = "The execution has reached its limit of {limit} operations."  # [O]
TOO_MUCH_STORAGE = "The execution has reached its limit of {limit} bytes of storage written."  # [O]
PAYLOAD_TOO_LARGE = "{type} payload size must be less than or equal to {limit} bytes."  # after [F]
ERROR_TOO_LARGE = "Error object size must be less than or equal to {limit} bytes."  # after [T]
LONE_SURROGATE = "A text is not valid Unicode: it holds half of a surrogate pair."  # [O]
INPUT_TOO_LARGE = "CHAINED_INVOKE input payload size must be less than or equal to {limit} bytes."  # after [F]

# --- texts: invocation output [T][F] -----------------------------------------------------------------------------
OUTPUT_STATUS = "Invalid Status in invocation output."
OUTPUT_ERROR = "Cannot provide an Error for SUCCEEDED status."
OUTPUT_RESULT = "Cannot provide a Result for FAILED status."
OUTPUT_PENDING = "Cannot return PENDING status with no pending operations."
OUTPUT_TOO_LARGE = "Execution output payload size must be less than or equal to {limit} bytes."

# --- texts: time-outs ---
EXECUTION_TIMED_OUT = "Execution timed out after {seconds} seconds."  # [T][F]
CALLBACK_TIMED_OUT = ("Callback timed out", "Callback.Timeout")  # [T][F]
HEARTBEAT_TIMED_OUT = ("Callback timed out on heartbeat", "Callback.Heartbeat")  # [T][F]
INVOKE_TIMED_OUT = ("CHAINED_INVOKE timed out after {seconds} seconds.", "ChainedInvoke.Timeout")  # [F]
SERVICE_RESTARTED = ("The local service ended while the invocation was running.", "Service.Restarted")  # [O]

# --- texts: callbacks ---
CALLBACK_OVER = "The callback is either timed out or already completed"  # [F]
INVALID_CALLBACK = "Invalid callback id"  # [F]
RESULT_TOO_LARGE = "Callback result size must be less than or equal to {limit} bytes."  # [O]

# --- texts: invoke ---
UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."  # [F]
SYNC_TOO_LONG = (
    "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."  # [F]
)
ESM_TOO_LONG = (
    "You cannot create an event source mapping for a durable function with an executionTimeout greater than 15 minutes."
)
ESM_UNQUALIFIED = "You cannot create an event source mapping on a durable function using an unqualified ARN."
ALREADY_STARTED = "Execution already started: {arn}"  # [D]
NAME_ON_PLAIN = "You cannot provide a DurableExecutionName for a function that is not durable."  # [O]
FUNCTION_NOT_FOUND = "Function not found: {arn}"  # [D][F]
OTHER_ACCOUNT = "Cannot start a CHAINED_INVOKE on a function in another account."  # [F]
OTHER_REGION = "Cannot start a CHAINED_INVOKE on a function in another region."  # [F]
NOT_JSON = "Could not parse request body into json: {detail}"  # InvalidRequestContentException [D]
REQUEST_TOO_LARGE = "Request must be smaller than {limit} bytes for the {operation} operation"  # [D]

# --- texts: executions ---
EXECUTION_NOT_FOUND = "Durable execution not found: {arn}"  # [O]
INVALID_ARN = "Invalid durable execution ARN: {arn}"  # [O]
NOT_PAUSABLE = "Cannot pause a durable execution with status {status}."  # [O]
NOT_RESUMABLE = "Cannot resume a durable execution with status {status}."  # [O]
NOT_STOPPABLE = "Cannot stop a durable execution with status {status}."  # [O]
NOT_DELETABLE = "Cannot delete a durable execution with status {status}."  # [O]
INVALID_MARKER = "Invalid marker"  # [O]

# --- texts: functions ---
DURABLE_AT_CREATION = "DurableConfig can only be set when a function is created."  # the rule [D], the text [O]
TIMEOUT_REQUIRED = "DurableConfig requires an ExecutionTimeout."  # the rule [D], the text [O]
LOG_FORMAT_JSON = "A durable function's LogFormat must be JSON."  # the rule [F], the text [O]


@dataclass(frozen=True, slots=True)
class Settings:
    """The switches of the service: limits to tighten or lift, and the answers where sources disagree.

    The defaults are the API model's answer where it gives one.
    """

    account: str = "123456789012"
    region: str = "us-east-1"
    partition: str = "aws"
    include_execution_data: bool = True
    """Default of ``IncludeExecutionData``. True is the API model's text; the encryption guide says false."""
    name_scope: str = "account"
    """Where an execution name is unique: ``account`` (guide) or ``function`` (seen on AWS by others)."""
    retention_days: int = DEFAULT_RETENTION_DAYS
    """Retention when ``DurableConfig`` names none. 14 in the guide, 30 on one API page."""
    merge_durable_config: bool = False
    """On update, keep members that the request leaves out. The guide says the object is replaced."""
    bare_failure_invokes: bool = True
    """Whether a callback failure without an error starts the next invocation at once; others saw that it does not."""
    max_invocation_attempts: int | None = None
    """Failed invocations in a row before an execution fails. None: until the execution timeout, as documented."""
    retry_delays: tuple[int, ...] = RETRY_DELAYS
    max_operations: int = MAX_OPERATIONS
    max_storage: int = MAX_STORAGE
    max_operation_payload: int = MAX_OPERATION_PAYLOAD
    max_sync_payload: int = MAX_SYNC_PAYLOAD
    max_async_payload: int = MAX_ASYNC_PAYLOAD
    max_error: int = MAX_ERROR
    max_page_bytes: int = MAX_PAGE_BYTES
    strict_pending: bool = True
    """Whether PENDING with nothing pending fails the execution at once."""
    rate_limits: Mapping[str, float] | None = None
    """Requests per second by operation, over HTTP; `RATES` has AWS's. None: no limits."""
    closed_in_memory: int = 200
    """Closed executions kept in memory; older ones are read back from the store when asked for."""
