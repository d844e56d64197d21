# case: a job named after the clock in a submitter
import time

import boto3

transcribe = boto3.client("transcribe")


@durable_execution
async def handler(event, ctx):
    def submit(callback_id, step):
        name = f"scan-{int(time.time() * 1000)}-{event['id']}"
        transcribe.start_transcription_job(TranscriptionJobName=name)  #! unstable-effect-identity

    await ctx.wait_for_callback(submit)

# case: an unknown client, as the issue has it
import time

from vendor import jobs


def submit(callback_id, ctx):
    jobs.start(name=f"scan-{time.time()}", token=callback_id)  #! unstable-effect-identity


@durable_execution
async def handler(event, ctx):
    await ctx.wait_for_callback(submit)

# case: a fresh key of a row in a step
import uuid

import boto3

table = boto3.resource("dynamodb").Table("orders")


@durable_execution
async def handler(event, ctx):
    def save(step):
        table.put_item(Item={"pk": str(uuid.uuid4()), "total": 1})  #! unstable-effect-identity
        return True

    await ctx.step(save)

# case: an idempotency header and a URL
import uuid

import requests


@durable_execution
async def handler(event, ctx):
    def pay(step):
        key = str(uuid.uuid4())
        answer = requests.post("https://pay", headers={"Idempotency-Key": key}, timeout=5)  #! unstable-effect-identity
        requests.put(f"https://pay/{key}", timeout=5)  #! unstable-effect-identity
        return answer.json()

    await ctx.step(pay)

# case: the identity is made and used in helpers of another file
from helpers import start


@durable_wait_for_callback
def submit(callback_id, step, scan_id):
    start(scan_id, callback_id)


@durable_execution
async def handler(event, ctx):
    await ctx.wait_for_callback(submit(event["id"]))

# file: helpers.py
import datetime

import boto3

sfn = boto3.client("stepfunctions")


def fresh(scan_id):
    return f"{scan_id}-{datetime.datetime.now():%s}"


def start(scan_id, token):
    sfn.start_execution(name=fresh(scan_id), input=token)  #! unstable-effect-identity

# case: nested keys of a DynamoDB item
import random

import boto3

client = boto3.client("dynamodb")


@durable_execution
async def handler(event, ctx):
    await ctx.step(lambda _: client.put_item(TableName="t", Item={"id": {"S": str(random.random())}}), name="x")  #! unstable-effect-identity

# case: names from durable state are right
import boto3

transcribe = boto3.client("transcribe")


@durable_execution
async def handler(event, ctx):
    scan_id = await ctx.step(lambda _: "scan", name="scan id")

    def submit(callback_id, step):
        transcribe.start_transcription_job(TranscriptionJobName=f"transcribe-{scan_id}")

    await ctx.wait_for_callback(submit)

# case: a plain attribute may be fresh
import time

import boto3

table = boto3.resource("dynamodb").Table("orders")


@durable_execution
async def handler(event, ctx):
    def save(step):
        table.put_item(Item={"pk": event["id"], "createdAt": int(time.time())})
        return True

    await ctx.step(save)

# case: a fresh id that is only returned
import uuid


class Order:
    def __init__(self, id):
        self.id = id


@durable_execution
async def handler(event, ctx):
    def new(step):
        order = Order(id=str(uuid.uuid4()))
        return {"id": order.id, "name": dict(name=str(uuid.uuid4()))["name"]}

    await ctx.step(new)

# case: at most once without retries does not run again
import uuid

import requests


@durable_execution
async def handler(event, ctx):
    def pay(step):
        return requests.post("https://pay", headers={"Idempotency-Key": str(uuid.uuid4())}, timeout=5).json()

    once = StepConfig(
        step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=RetryPresets.none()
    )
    await ctx.step(pay, config=once)

# case: at most once with retries does
import uuid

import requests


@durable_execution
async def handler(event, ctx):
    def pay(step):
        return requests.post("https://pay", headers={"Idempotency-Key": str(uuid.uuid4())}, timeout=5).json()  #! unstable-effect-identity

    once = StepConfig(
        step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, retry_strategy=RetryPresets.transient()
    )
    await ctx.step(pay, config=once)

# case: tracing ids and temporary files are no identity of an effect
import uuid

import requests


@durable_execution
async def handler(event, ctx):
    def pay(step):
        with open(f"/tmp/{uuid.uuid4()}", "w") as file:
            file.write("x")
        return requests.post("https://pay", headers={"trace_id": str(uuid.uuid4())}, timeout=5).json()

    await ctx.step(pay)

# case: a key that is set on a row before it is stored
import uuid

import boto3

table = boto3.resource("dynamodb").Table("orders")


@durable_execution
async def handler(event, ctx):
    def save(step):
        row = {"total": 1}
        row["pk"] = str(uuid.uuid4())
        table.put_item(Item=row)  #! unstable-effect-identity
        return True

    await ctx.step(save)

# case: a name handed over by position to what starts the work
import time
import uuid

from vendor import jobs, start_job


@durable_execution
async def handler(event, ctx):
    def submit(callback_id, step):
        name = "scan-" + str(time.time())
        jobs.start(name, callback_id)  #! unstable-effect-identity
        start_job("job-{}".format(uuid.uuid4()), callback_id)  #! unstable-effect-identity
        jobs.start(f"scan-{event['id']}", callback_id)
        jobs.note(f"started at {time.time()}")

    await ctx.wait_for_callback(submit)

# case: arguments collected with dict() and merged with a bar
import time
import uuid

import boto3

batch = boto3.client("batch")
table = boto3.resource("dynamodb").Table("jobs")


def row(callback_id):
    return {"token": callback_id, "created_at": int(time.time())}


@durable_execution
async def handler(event, ctx):
    def submit(callback_id, step):
        job = dict(jobName=f"scan-{time.time_ns()}", jobQueue="scans")
        batch.submit_job(**job)  #! unstable-effect-identity
        table.put_item(Item=row(callback_id) | {"pk": str(uuid.uuid4())})  #! unstable-effect-identity
        table.put_item(Item=row(callback_id) | {"pk": event["id"]})
        batch.submit_job(**dict(jobName=event["id"], jobQueue="scans", parameters={"at": str(time.time())}))
        batch.submit_job(**dict({"jobQueue": "scans"}, jobName=str(uuid.uuid4())))  #! unstable-effect-identity

    await ctx.wait_for_callback(submit)

# case: near miss, the same class holds fresh values in a step and durable ones in the handler
import time
import uuid
from dataclasses import asdict, dataclass

import boto3

machine = boto3.client("stepfunctions")


@dataclass
class Order:
    id: str
    at: float = 0.0


class Job:
    def __init__(self, name):
        self.name = name


@durable_execution
async def handler(event, ctx):
    def make(step):
        note = Job(f"local-{uuid.uuid4()}")
        return {**asdict(Order(id=str(uuid.uuid4()), at=time.time())), "note": len(note.name)}

    made = await ctx.step(make)
    order = Order(id=made["id"], at=made["at"])
    job = Job(order.id)
    await ctx.wait_for_callback(lambda token, _: machine.start_execution(name=job.name, input=token), name="run")
    if order.at > 3:
        await ctx.wait(2)
    await ctx.step(lambda _: "paid", name=f"pay-{order.id}")

    def start(callback_id, step):
        again = Job(f"run-{uuid.uuid4()}")
        machine.start_execution(name=again.name, input=callback_id)  #! unstable-effect-identity

    await ctx.wait_for_callback(start)

# case: the last of many submitters in a list
import uuid

import boto3

machine = boto3.client("stepfunctions")


@durable_execution
async def handler(event, ctx):
    plain = [lambda token, _, n=n: machine.start_execution(name=f"{event['id']}-{n}") for n in range(3)]
    submitters = [
        lambda token, _: machine.start_execution(name="a"),
        lambda token, _: machine.start_execution(name="b"),
        lambda token, _: machine.start_execution(name="c"),
        lambda token, _: machine.start_execution(name="d"),
        lambda token, _: machine.start_execution(name=f"e-{uuid.uuid4()}"),  #! unstable-effect-identity
    ]
    for submit in (*plain, *submitters):
        await ctx.wait_for_callback(submit, name="run")

# case: a dataclass turned into a row
import time
import uuid
from dataclasses import asdict, dataclass

import boto3

table = boto3.resource("dynamodb").Table("jobs")


@dataclass
class Row:
    pk: str
    created_at: int


@durable_execution
async def handler(event, ctx):
    def fresh(callback_id, step):
        row = Row(pk=str(uuid.uuid4()), created_at=int(time.time()))
        table.put_item(Item=asdict(row))  #! unstable-effect-identity

    def stable(callback_id, step):
        row = Row(pk=event["id"], created_at=int(time.time()))
        table.put_item(Item=asdict(row))

    await ctx.wait_for_callback(fresh)
    await ctx.wait_for_callback(stable)

# case: a helper that is called with many texts
import uuid

import boto3

table = boto3.resource("dynamodb").Table("jobs")


def key(kind, value):
    return f"{kind}#{value}"


def put(kind, value):
    table.put_item(Item={"pk": key(kind, value)})  #! unstable-effect-identity


def store(kind, value):
    table.put_item(Item={"pk": key(kind, value)})


@durable_execution
async def handler(event, ctx):
    def write(step):
        print(key("trace", uuid.uuid4()))
        for kind in ("a", "b"):
            put(kind, event["id"])
        put("c", event["id"])
        put("d", event["id"])
        put("e", event["id"])
        put("f", event["id"])
        put("g", event["id"])
        put("h", event["id"])
        put("i", uuid.uuid4())
        store("a", event["id"])
        store("b", event["id"])
        store("c", event["id"])
        store("d", event["id"])
        store("e", event["id"])
        store("f", event["id"])
        store("g", event["id"])
        store("h", event["id"])
        return True

    await ctx.step(write)
