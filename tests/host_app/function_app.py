"""A small function app for the tests of the local host; what its functions saw is left in `SEEN`."""

import asyncio
import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
SEEN: dict[str, list[dict[str, object]]] = {"orders": [], "poison": [], "timer": []}


@app.route(route="items/{item}", methods=["GET", "POST"])
async def item(req: func.HttpRequest) -> func.HttpResponse:
    """Echo what arrived."""
    seen = {
        "item": req.route_params["item"],
        "method": req.method,
        "query": dict(req.params),
        "length": len(req.get_body()),
        "agent": req.headers.get("X-Agent"),
    }
    return func.HttpResponse(
        json.dumps(seen), status_code=201, headers={"X-Seen": "yes"}, mimetype="application/json"
    )


@app.route(route="items/special", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def special(req: func.HttpRequest) -> func.HttpResponse:
    """Answer from a synchronous function on a fixed route, with a cookie."""
    headers = {"Set-Cookie": "visit=1; Path=/; HttpOnly"}
    return func.HttpResponse(f"special {len(req.params)}", headers=headers)


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Raise."""
    raise RuntimeError(f"planted secret {req.method}")


@app.route(route="slow", auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Outlive the time limit of host.json."""
    await asyncio.sleep(30)
    return func.HttpResponse(req.method)


@app.route(route="owner", auth_level=func.AuthLevel.ADMIN)
async def owner(req: func.HttpRequest) -> func.HttpResponse:
    """Answer to the master key only."""
    return func.HttpResponse(req.method)


@app.queue_trigger(arg_name="msg", queue_name="orders", connection="AzureWebJobsStorage")
async def orders(msg: func.QueueMessage) -> None:
    """Fail as often as the message says, after working as long as it says."""
    order = json.loads(msg.get_body())
    count = msg.dequeue_count
    SEEN["orders"].append({"id": msg.id, "count": count, "inserted": msg.insertion_time, **order})
    await asyncio.sleep(order.get("seconds", 0))
    if count is None or count <= order.get("failures", 0):
        raise ValueError("as the message asks")
    if ledger := os.environ.get("HOST_APP_LEDGER"):
        _note(Path(ledger), order["name"])


def _note(ledger: Path, name: str) -> None:
    with ledger.open("a", encoding="utf-8") as lines:
        lines.write(f"{name}\n")


@app.queue_trigger(arg_name="msg", queue_name="orders-poison", connection="AzureWebJobsStorage")
async def orders_poison(msg: func.QueueMessage) -> None:
    """Note what could not be worked off; fail where the message says so."""
    body = msg.get_body().decode()
    SEEN["poison"].append({"count": msg.dequeue_count, "body": body})
    if "stubborn" in body:
        raise ValueError("as the message asks")


@app.timer_trigger(arg_name="timer", schedule="*/1 * * * * *")
async def tick(timer: func.TimerRequest) -> None:
    """Note that the timer ran."""
    SEEN["timer"].append({"past_due": timer.past_due})
