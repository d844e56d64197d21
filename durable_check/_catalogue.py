"""The catalogue: calls whose value or effect differs between two runs of the same code.

Paths are dotted; ``()`` marks a call, so ``boto3.client().put_object`` is a method of what ``boto3.client()``
returns. `CALLS` names single calls, `BENEATH` everything below a path, `READS` attributes that are read without
being called. Where an entry one might expect is absent, a comment says why.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Entry(NamedTuple):
    """One row: the category a rule listens to, and what the call does, for the message."""

    category: str
    does: str


CLOCK = Entry("clock", "reads the clock")
RANDOM = Entry("random", "draws a random value")
IDENTITY = Entry("identity", "makes a new identity")
NETWORK = Entry("io", "talks to the network")
FILES = Entry("io", "touches the file system")
PROCESS = Entry("io", "runs another process")
DATABASE = Entry("io", "talks to a database")
INPUT = Entry("io", "waits for input")
SLEEP = Entry("sleep", "sleeps inside the invocation, which is billed and starts again on every replay")
ENVIRONMENT = Entry("environment", "reads the environment")
ENVIRONMENT_WRITE = Entry("environment-write", "changes the environment of this one sandbox")
INVOCATION = Entry("invocation", "reads a value that is new for every invocation")
MACHINE = Entry("machine", "reads something that belongs to this one sandbox")
LOG = Entry("log", "writes a log line")
OUTPUT = Entry("log", "writes output")
THREAD = Entry("thread", "starts a thread")
RACE = Entry("race", "hands out results in the order they finish")
TIMER = Entry("timer", "runs on the real clock")


def _each(entry: Entry, prefix: str, names: str) -> dict[str, Entry]:
    return {f"{prefix}{name}": entry for name in names.split()}


CALLS: dict[str, Entry] = {
    # -- clocks. time.gmtime, localtime, ctime and strftime are clocks only without a time: the engine looks.
    **_each(CLOCK, "time.", "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time"),
    **_each(CLOCK, "time.", "process_time_ns thread_time thread_time_ns clock_gettime clock_gettime_ns"),
    **_each(CLOCK, "time.", "gmtime localtime ctime asctime strftime"),
    **_each(CLOCK, "datetime.datetime.", "now today utcnow"),
    "datetime.date.today": CLOCK,
    **_each(CLOCK, "", "timeit.default_timer asyncio.get_running_loop().time asyncio.get_event_loop().time"),
    **_each(CLOCK, "django.utils.timezone.", "now localtime localdate"),
    **_each(CLOCK, "pandas.Timestamp.", "now today utcnow"),
    **_each(CLOCK, "pendulum.", "now today tomorrow yesterday"),
    **_each(CLOCK, "arrow.", "now utcnow"),
    **_each(CLOCK, "whenever.", "Instant.now ZonedDateTime.now"),
    **_each(CLOCK, "", "os.times resource.getrusage"),
    # Absent: datetime.fromtimestamp, strptime and combine compute from their arguments.
    # -- randomness. A seeded random.Random is reproducible: the engine looks at its arguments.
    **_each(RANDOM, "random.", "random randint randrange choice choices sample shuffle uniform gauss betavariate"),
    **_each(RANDOM, "random.", "triangular expovariate gammavariate normalvariate lognormvariate paretovariate"),
    **_each(RANDOM, "random.", "vonmisesvariate weibullvariate getrandbits randbytes binomialvariate"),
    **_each(RANDOM, "numpy.random.", "rand randn randint random choice shuffle permutation uniform normal bytes"),
    **_each(RANDOM, "faker.Faker().", "name email uuid4 address word text random_int"),
    # -- identities. uuid3 and uuid5 are absent: they hash their arguments.
    **_each(IDENTITY, "uuid.", "uuid1 uuid4 uuid6 uuid7 uuid8 getnode"),
    **_each(IDENTITY, "secrets.", "token_hex token_urlsafe token_bytes choice randbelow randbits"),
    **_each(IDENTITY, "secrets.SystemRandom().", "random randint choice randrange getrandbits sample"),
    **_each(IDENTITY, "random.SystemRandom().", "random randint choice randrange getrandbits sample"),
    **_each(IDENTITY, "", "os.urandom os.getrandom ssl.RAND_bytes shortuuid.uuid nanoid.generate"),
    **_each(IDENTITY, "", "ulid.new ulid.ULID ulid.from_timestamp cuid.cuid ksuid.ksuid ksuid.Ksuid bson.ObjectId"),
    **_each(IDENTITY, "", "bson.objectid.ObjectId"),
    "id": Entry("identity", "returns a memory address, which differs between processes"),
    "hash": Entry("identity", "returns a hash that is salted per process for text and bytes"),
    # Absent: hashlib and hmac digest their arguments. zlib.crc32 as well.
    # -- the network
    **_each(NETWORK, "requests.", "get post put patch delete head options request"),
    **_each(NETWORK, "httpx.", "get post put patch delete head options request stream"),
    **_each(NETWORK, "urllib.request.", "urlopen urlretrieve"),
    **_each(NETWORK, "urllib3.", "request PoolManager().request PoolManager().urlopen"),
    **_each(NETWORK, "aiohttp.", "request"),
    **_each(NETWORK, "socket.", "create_connection getaddrinfo gethostbyname create_server"),
    **_each(NETWORK, "asyncio.", "open_connection start_server"),
    **_each(NETWORK, "", "websockets.connect grpc.insecure_channel().unary_unary"),
    # Constructors (boto3.client, requests.Session, httpx.Client) are absent: building a client sends nothing.
    # -- files
    **_each(FILES, "", "open io.open codecs.open os.open gzip.open bz2.open lzma.open zipfile.ZipFile tarfile.open"),
    **_each(FILES, "os.", "remove unlink rename replace mkdir makedirs rmdir removedirs truncate link symlink chmod"),
    **_each(FILES, "os.", "stat lstat listdir scandir walk access utime read write"),
    **_each(FILES, "os.path.", "exists isfile isdir getsize getmtime getctime getatime"),
    **_each(FILES, "shutil.", "copy copy2 copyfile copytree move rmtree make_archive unpack_archive disk_usage"),
    **_each(FILES, "tempfile.", "NamedTemporaryFile TemporaryFile TemporaryDirectory mkstemp mkdtemp mktemp"),
    **_each(FILES, "pathlib.Path().", "read_text read_bytes write_text write_bytes open exists is_file is_dir stat"),
    **_each(FILES, "pathlib.Path().", "mkdir unlink rename replace rmdir touch iterdir glob rglob"),
    **_each(FILES, "", "glob.glob glob.iglob aiofiles.open shelve.open dbm.open"),
    **_each(FILES, "pandas.", "read_csv read_json read_parquet read_excel read_sql"),
    # Absent: os.path.join, basename, splitext and pathlib.PurePath compute on text.
    # -- processes and input
    **_each(PROCESS, "subprocess.", "run call check_call check_output Popen getoutput getstatusoutput"),
    **_each(PROCESS, "os.", "system popen fork execv execve kill spawnl spawnv posix_spawn"),
    **_each(PROCESS, "asyncio.", "create_subprocess_exec create_subprocess_shell"),
    **_each(INPUT, "", "input getpass.getpass breakpoint"),
    # -- databases
    **_each(DATABASE, "", "sqlite3.connect psycopg2.connect psycopg.connect pymysql.connect mysql.connector.connect"),
    **_each(DATABASE, "", "asyncpg.connect asyncpg.create_pool pg8000.connect snowflake.connector.connect"),
    # -- Powertools fetches parameters and secrets from the service
    **_each(NETWORK, "aws_lambda_powertools.utilities.parameters.", "get_parameter get_parameters get_secret"),
    **_each(NETWORK, "aws_lambda_powertools.utilities.parameters.", "get_app_config get_parameters_by_name"),
    # -- sleeping. asyncio.sleep(0) only yields to other tasks: the engine looks at its argument.
    **_each(SLEEP, "", "time.sleep asyncio.sleep trio.sleep anyio.sleep gevent.sleep"),
    # -- the environment and the sandbox. os.cpu_count is absent: it follows the function's memory setting.
    **_each(ENVIRONMENT, "", "os.getenv os.environ.get os.environb.get os.environ.copy os.getenvb"),
    **_each(ENVIRONMENT_WRITE, "os.", "environ.setdefault environ.update environ.pop environ.clear putenv unsetenv"),
    **_each(ENVIRONMENT_WRITE, "os.", "chdir umask"),
    **_each(MACHINE, "os.", "getpid getppid getcwd getlogin getloadavg uname"),
    **_each(MACHINE, "", "socket.gethostname socket.getfqdn platform.node platform.uname getpass.getuser"),
    **_each(MACHINE, "", "threading.get_ident threading.current_thread threading.get_native_id"),
    **_each(INVOCATION, "lambda_context.", "get_remaining_time_in_millis"),
    # -- logs and output
    **_each(LOG, "logging.", "debug info warning warn error exception critical log"),
    **_each(LOG, "logging.getLogger().", "debug info warning warn error exception critical log"),
    **_each(LOG, "logging.LoggerAdapter().", "debug info warning error exception critical log"),
    **_each(LOG, "aws_lambda_powertools.Logger().", "debug info warning error exception critical log"),
    **_each(LOG, "aws_lambda_powertools.logging.Logger().", "debug info warning error exception critical log"),
    **_each(LOG, "aws_lambda_powertools.logging.logger.Logger().", "debug info warning error exception critical log"),
    **_each(LOG, "structlog.get_logger().", "debug info msg warning warn error exception critical log"),
    **_each(LOG, "structlog.stdlib.get_logger().", "debug info msg warning warn error exception critical log"),
    **_each(LOG, "loguru.logger.", "trace debug info success warning error exception critical log"),
    **_each(OUTPUT, "", "print pprint.pprint pprint.pp warnings.warn traceback.print_exc traceback.print_exception"),
    **_each(OUTPUT, "sys.", "stdout.write stderr.write stdout.writelines stderr.writelines stdout.buffer.write"),
    # Absent: logger.setLevel, append_keys and friends configure, they do not write. Powertools metrics: they belong
    # after the last operation, where they are counted once, and what is last cannot be told from one call.
    # -- threads. The targets are walked too; see the rule.
    **_each(THREAD, "threading.", "Thread Timer"),
    **_each(THREAD, "concurrent.futures.ThreadPoolExecutor().", "submit map"),
    **_each(THREAD, "concurrent.futures.ProcessPoolExecutor().", "submit map"),
    **_each(THREAD, "concurrent.futures.thread.ThreadPoolExecutor().", "submit map"),
    **_each(THREAD, "multiprocessing.", "Process Pool().map Pool().apply Pool().apply_async Pool().starmap"),
    **_each(THREAD, "", "asyncio.to_thread asyncio.get_running_loop().run_in_executor _thread.start_new_thread"),
    **_each(THREAD, "", "asyncio.get_event_loop().run_in_executor asyncio.run_coroutine_threadsafe"),
    # -- who finishes first
    **_each(RACE, "", "asyncio.as_completed concurrent.futures.as_completed concurrent.futures.wait"),
    **_each(TIMER, "asyncio.", "wait_for timeout timeout_at"),
}
# Calls that return names in whatever order the file system keeps them.
UNORDERED = frozenset({"os.listdir", "os.scandir", "glob.glob", "glob.iglob", "pathlib.Path().iterdir"})

_HANDLE = frozenset(
    ["name", "arn", "url", "key", "bucket_name", "table_name", "meta", "objects", "Object", "batch_writer"]
)
# Everything called below these paths is I/O, except the names in the second part.
BENEATH: dict[str, tuple[Entry, frozenset[str]]] = {
    "boto3.client()": (
        Entry("io", "calls an AWS service"),
        # Local: pagination and waiters are objects (their paginate() and wait() are below this path and do I/O).
        frozenset(["exceptions", "meta", "can_paginate", "get_paginator", "get_waiter", "close", "waiter_names"]),
    ),
    "boto3.resource()": (
        Entry("io", "calls an AWS service"),
        # Local: sub-resources are handles (dynamodb.Table("x"), s3.Bucket("y")).
        frozenset(
            [
                "Table",
                "Bucket",
                "Object",
                "Queue",
                "Topic",
                "Stack",
                "Instance",
                "meta",
                "name",
                "arn",
                "batch_writer",
                "get_available_subresources",
            ]
        ),
    ),
    **{
        f"boto3.resource().{part}()": (Entry("io", "calls an AWS service"), _HANDLE)
        for part in ("Table", "Bucket", "Object", "Queue", "Topic", "Stack", "Instance")
    },
    "requests.Session()": (
        NETWORK,
        frozenset(["headers", "auth", "mount", "close", "cookies", "params", "proxies", "verify", "adapters"]),
    ),
    "httpx.Client()": (
        NETWORK,
        frozenset(["headers", "auth", "close", "cookies", "params", "timeout", "base_url", "build_request"]),
    ),
    "httpx.AsyncClient()": (
        NETWORK,
        frozenset(["headers", "auth", "aclose", "cookies", "params", "timeout", "base_url", "build_request"]),
    ),
    "aiohttp.ClientSession()": (NETWORK, frozenset(["headers", "close", "closed", "cookie_jar"])),
    "http.client.HTTPConnection()": (NETWORK, frozenset({"close", "set_debuglevel"})),
    "http.client.HTTPSConnection()": (NETWORK, frozenset({"close", "set_debuglevel"})),
    "urllib3.PoolManager()": (NETWORK, frozenset({"clear"})),
    "socket.socket()": (NETWORK, frozenset(["close", "settimeout", "setsockopt", "getsockname"])),
    "smtplib.SMTP()": (NETWORK, frozenset({"close"})),
    "ftplib.FTP()": (NETWORK, frozenset({"close"})),
    "paramiko.SSHClient()": (NETWORK, frozenset({"close", "set_missing_host_key_policy"})),
    "redis.Redis()": (DATABASE, frozenset({"close", "pipeline"})),
    "redis.StrictRedis()": (DATABASE, frozenset({"close", "pipeline"})),
    "redis.from_url()": (DATABASE, frozenset({"close", "pipeline"})),
    "pymongo.MongoClient()": (DATABASE, frozenset({"close", "get_database", "get_collection"})),
    "sqlalchemy.create_engine()": (DATABASE, frozenset({"dispose", "dialect", "url"})),
    "openai.OpenAI()": (NETWORK, frozenset({"close"})),
    "anthropic.Anthropic()": (NETWORK, frozenset({"close"})),
    "stripe": (NETWORK, frozenset({"api_key", "api_version", "error", "StripeClient"})),
    "numpy.random.default_rng()": (RANDOM, frozenset()),
    "random.Random()": (RANDOM, frozenset({"seed", "setstate", "getstate"})),
}
# boto3.Session().client() and session.Session() make the same clients.
ALIASES: dict[str, str] = {
    "boto3.Session().client": "boto3.client",
    "boto3.Session().resource": "boto3.resource",
    "boto3.session.Session().client": "boto3.client",
    "boto3.session.Session().resource": "boto3.resource",
    "aioboto3.Session().client": "boto3.client",
    "aioboto3.Session().resource": "boto3.resource",
    "aiobotocore.session.get_session().create_client": "boto3.client",
    "botocore.session.get_session().create_client": "boto3.client",
    "requests.session": "requests.Session",
    "requests.sessions.Session": "requests.Session",
    "smtplib.SMTP_SSL": "smtplib.SMTP",
    "openai.AsyncOpenAI": "openai.OpenAI",
    "anthropic.AsyncAnthropic": "anthropic.Anthropic",
    "logging.Logger": "logging.getLogger",
    "structlog.getLogger": "structlog.get_logger",
    "structlog.get_logger().bind": "structlog.get_logger",
    "loguru.logger.bind()": "loguru.logger",
    "loguru.logger.opt()": "loguru.logger",
    "logging.getLogger().getChild": "logging.getLogger",
    "concurrent.futures.thread.ThreadPoolExecutor": "concurrent.futures.ThreadPoolExecutor",
    "asyncio.tasks.as_completed": "asyncio.as_completed",
    "numpy.random.RandomState": "numpy.random.default_rng",
}

READS: dict[str, Entry] = {
    "os.environ[]": ENVIRONMENT,
    "os.environb[]": ENVIRONMENT,
    "lambda_context.aws_request_id": INVOCATION,
    "lambda_context.log_stream_name": INVOCATION,
    # Absent: sys.argv, which is Lambda's own and the same in every sandbox; lambda_context.function_name,
    # function_version, invoked_function_arn, memory_limit_in_mb: an execution is pinned to one version, and these
    # are properties of the version.
}

# Environment variables that Lambda sets anew for every sandbox or invocation. All others are part of the published
# version an execution is pinned to, and read the same on every replay.
VOLATILE_VARIABLES = frozenset(
    {
        "_X_AMZN_TRACE_ID",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "HOSTNAME",
    }
)

# Categories whose values differ between two runs and are followed through the code.
TAINTING = frozenset({"clock", "random", "identity", "io", "environment", "invocation", "machine", "race"})

# Results that Lambda's JSON cannot hold, by the path that makes them.
UNSERIALIZABLE: dict[str, str] = {
    "boto3.client()": "an AWS client",
    "boto3.resource()": "an AWS resource",
    "boto3.resource().Table()": "an AWS resource",
    "boto3.client().get_object()[]": "a streaming body",
    "requests.Session()": "an HTTP session",
    "httpx.Client()": "an HTTP client",
    "open()": "an open file",
    "threading.Lock()": "a lock",
    "threading.Thread()": "a thread",
    "threading.Event()": "an event",
    "socket.socket()": "a socket",
    "sqlite3.connect()": "a database connection",
    "subprocess.Popen()": "a running process",
    "logging.getLogger()": "a logger",
    "map()": "an iterator",
    "filter()": "an iterator",
    "zip()": "an iterator",
    "iter()": "an iterator",
    "enumerate()": "an iterator",
    "reversed()": "an iterator",
    "object()": "a bare object",
    **{
        f"requests.{verb}()": "an HTTP response"
        for verb in ["get", "post", "put", "patch", "delete", "head", "request"]
    },
    **{f"httpx.{verb}()": "an HTTP response" for verb in ["get", "post", "put", "patch", "delete", "head", "request"]},
    **{
        f"requests.Session().{verb}()": "an HTTP response"
        for verb in ["get", "post", "put", "patch", "delete", "request"]
    },
    **{f"httpx.Client().{verb}()": "an HTTP response" for verb in ["get", "post", "put", "patch", "delete", "request"]},
    **{
        f"httpx.AsyncClient().{verb}()": "an HTTP response"
        for verb in ["get", "post", "put", "patch", "delete", "request"]
    },
}

# Standard library modules whose functions only compute: calling them names or keys nothing outside.
PURE_MODULES = frozenset(
    [
        "abc",
        "array",
        "ast",
        "base64",
        "binascii",
        "bisect",
        "builtins",
        "calendar",
        "cmath",
        "collections",
        "colorsys",
        "contextlib",
        "contextvars",
        "copy",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "html",
        "inspect",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "locale",
        "logging",
        "math",
        "numbers",
        "operator",
        "os",
        "pathlib",
        "pprint",
        "queue",
        "random",
        "re",
        "secrets",
        "statistics",
        "string",
        "struct",
        "sys",
        "textwrap",
        "threading",
        "time",
        "timeit",
        "traceback",
        "types",
        "typing",
        "typing_extensions",
        "unicodedata",
        "urllib",
        "uuid",
        "warnings",
        "weakref",
        "zlib",
        "zoneinfo",
        "pydantic",
        "attr",
        "attrs",
        "msgspec",
        "orjson",
        "simplejson",
        "yaml",
        "jsonschema",
        "dateutil",
    ]
)


# Libraries the tables know. They stay outside the project even when their code is bundled beside the handler.
_STANDARD = PURE_MODULES | {"asyncio", "concurrent", "dbm", "ftplib", "getpass", "glob", "gzip", "http", "lzma", "bz2"}
_TABLED = {path.split(".", 1)[0].split("(", 1)[0] for path in (*CALLS, *BENEATH, *ALIASES) if "." in path}
ROOTS = frozenset(_TABLED - _STANDARD - {"lambda_context", "logging"})


@lru_cache(maxsize=65536)
def canonical(path: str) -> str:
    """Return a path with known synonyms replaced, so that one row covers all spellings."""
    for name, target in ALIASES.items():
        if path.startswith(name) and (len(path) == len(name) or path[len(name)] in ".(["):
            return target + path[len(name) :]
    return path


@lru_cache(maxsize=65536)
def lookup(path: str) -> Entry | None:
    """Return the row for a call of a path, or None when the catalogue does not know it."""
    path = canonical(path)
    entry = CALLS.get(path)
    if entry is not None:
        return entry
    prefix = path.rpartition(".")[0]
    while prefix:
        row = BENEATH.get(prefix)
        if row is not None:
            entry, local = row
            head = path[len(prefix) + 1 :].split(".", 1)[0].split("(", 1)[0].split("[", 1)[0]
            inner = path[len(prefix) + 1 :]
            if inner == head:
                return None if head in local else entry
            return entry if head in local and _acts(inner) else None
        prefix = prefix.rpartition(".")[0]
    return None


def _acts(inner: str) -> bool:
    """Whether a call below a local handle reaches out: ``get_paginator().paginate``, not ``exceptions.X``."""
    head = inner.split("(", 1)[0].split(".", 1)[0]
    if head in {"get_paginator", "get_waiter"}:
        return inner.endswith((".paginate", ".wait"))
    if head == "objects":
        return inner.endswith((".all", ".filter", ".delete", ".limit"))
    return head == "batch_writer" and inner.endswith((".put_item", ".delete_item"))


def lookup_read(path: str) -> Entry | None:
    """Return the row for reading a path."""
    return READS.get(path)


def taints(entry: Entry | None) -> bool:
    """Whether values from this call differ between two runs."""
    return entry is not None and entry.category in TAINTING
