# case: a boto3 client of the module
import boto3

s3 = boto3.client("s3")


@durable_execution
async def handler(event, ctx):
    s3.put_object(Bucket="b", Key="k", Body=b"")  #! io-in-orchestration
    await ctx.wait(60)

# case: a table behind a helper in another file
from store import load


@durable_execution
async def handler(event, ctx):
    order = load(event["id"])
    await ctx.step(lambda _: order, name="charge")

# file: store.py
import boto3

session = boto3.Session(region_name="eu-west-1")
table = session.resource("dynamodb").Table("orders")


def load(order_id):
    return table.get_item(Key={"id": order_id})["Item"]  #! io-in-orchestration

# case: HTTP with requests, httpx and urllib
from urllib.request import urlopen

import httpx
import requests


@durable_execution
async def handler(event, ctx):
    requests.post("https://example.com", json={})  #! io-in-orchestration
    with httpx.Client() as client:
        client.get("https://example.com")  #! io-in-orchestration
    urlopen("https://example.com")  #! io-in-orchestration
    await ctx.wait(60)

# case: files, sockets, processes and databases
import sqlite3
import subprocess
from pathlib import Path


@durable_execution
async def handler(event, ctx):
    with open("/tmp/x") as file:  #! io-in-orchestration
        text = file.read()
    Path("/tmp/y").write_text(text)  #! io-in-orchestration
    subprocess.run(["ls"], check=True)  #! io-in-orchestration
    sqlite3.connect("/tmp/z")  #! io-in-orchestration
    await ctx.wait(60)

# case: a client kept on the object
import boto3


class Shop:
    def __init__(self):
        self.queue = boto3.client("sqs")

    def notify(self, text):
        self.queue.send_message(QueueUrl="q", MessageBody=text)  #! io-in-orchestration

    @durable_execution
    async def handler(self, event, ctx):
        await ctx.wait(60)
        self.notify("done")

# case: an annotated client parameter
import requests


async def fetch(ctx: DurableContext, session: requests.Session):
    session.get("https://example.com")  #! io-in-orchestration
    await ctx.wait(5)

# case: paginators and waiters
import boto3


@durable_execution
async def handler(event, ctx):
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket="b")  #! io-in-orchestration
    boto3.client("ec2").get_waiter("instance_running").wait(InstanceIds=[])  #! io-in-orchestration
    await ctx.wait(60)

# case: the same calls inside steps are right
import boto3
import requests

table = boto3.resource("dynamodb").Table("orders")


@durable_step
def load(step, order_id):
    return table.get_item(Key={"id": order_id})["Item"]


def save(order):
    table.put_item(Item=order)


@durable_execution
async def handler(event, ctx):
    order = await ctx.step(load(event["id"]))
    await ctx.step(lambda _: save(order), name="save")
    await ctx.step(lambda _: requests.get("https://example.com", timeout=5).json(), name="fetch")

# case: building clients and computing paths is not I/O
import os
from pathlib import Path

import boto3


@durable_execution
async def handler(event, ctx):
    client = boto3.client("s3")
    table = boto3.resource("dynamodb").Table("orders")
    path = Path("/tmp") / "x" / os.path.join("a", "b")
    name = path.name
    try:
        await ctx.step(lambda _: client.head_object(Bucket="b", Key=name)["ContentLength"], name="head")
    except client.exceptions.NoSuchKey:
        await ctx.step(lambda _: table.put_item(Item={"name": name})["ok"], name="save")

# case: a condition check and a submitter may talk to the outside
import boto3

client = boto3.client("transcribe")


def submit(callback_id, step):
    client.start_transcription_job(TranscriptionJobName="scan-1", Tags=[{"Key": "token", "Value": callback_id}])


def poll(state, check):
    return client.get_transcription_job(TranscriptionJobName="scan-1")["TranscriptionJob"]


@durable_execution
async def handler(event, ctx):
    await ctx.wait_for_callback(submit)
    await ctx.wait_for_condition(poll, event["config"])

# case: calls that a pool or a builtin makes
from concurrent.futures import ThreadPoolExecutor

import requests


@durable_execution
async def handler(event, ctx):
    with ThreadPoolExecutor() as pool:
        pages = list(pool.map(requests.get, event["urls"]))  #! io-in-orchestration
    heads = list(map(requests.head, event["urls"]))  #! io-in-orchestration
    names = sorted(map(str, event["urls"]), key=len)
    await ctx.wait(60)
    return [len(pages), len(heads), names]
