"""The Azure Function: triggers in, one call to the service, answers out. Decides nothing."""

import json
import logging
import os
from collections.abc import Awaitable, Callable

import azure.functions as func

from playbooks.answers import refusal, refuse_key_in_query
from playbooks.errors import PlaybookError
from playbooks.service import Service
from playbooks.worker import Delivery, Worker

QUEUE = os.environ.get("TRIAGE_QUEUE_NAME", "triage")
STORAGE = "AzureWebJobsStorage"

type Call = Callable[[str, bytes, str], Awaitable[tuple[int, dict[str, object]]]]

app = func.FunctionApp(os.environ.get("TRIAGE_HTTP_AUTH_LEVEL", "function").upper())
service = Service(os.environ)
worker = Worker(service)


async def answer(req: func.HttpRequest, context: func.Context, call: Call) -> func.HttpResponse:
    """The call's answer as JSON, or its error as code, message and correlation id; never a traceback."""
    try:
        refuse_key_in_query(req.params)
        name = req.route_params.get("playbook", "")
        status, document = await call(name, req.get_body(), req.headers.get("content-type", ""))
    except PlaybookError as error:
        status, document = refusal(error, context.invocation_id)
    except Exception:
        logging.getLogger("triage").exception("unexpected error, correlation id %s", context.invocation_id)
        status, document = refusal(PlaybookError("unexpected"), context.invocation_id)
    headers = {"Retry-After": "30"} if status == 503 else {}
    return func.HttpResponse(
        json.dumps(document), status_code=status, mimetype="application/json", headers=headers
    )


def delivery(msg: func.QueueMessage) -> Delivery:
    """The queue message as the service takes it."""
    text = msg.get_body().decode("utf-8", "replace")
    return Delivery(text=text, message_id=msg.id or "", dequeue_count=msg.dequeue_count or 0)


@app.route("playbooks/{playbook}", methods=["POST"])
async def receive(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """202 once the queue has confirmed the message."""
    return await answer(req, context, service.receive)


@app.route("playbooks/{playbook}/preview", methods=["POST"])
async def preview(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """200 with the verdict and the comment it would write; nothing is written."""
    return await answer(req, context, service.preview)


@app.route("health", methods=["GET"])
async def health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """200 where every permission works, 503 otherwise, each check by name."""
    return await answer(req, context, service.health)


@app.queue_trigger("msg", QUEUE, STORAGE)
async def triage(msg: func.QueueMessage) -> None:
    """One attempt; an error hands the message back to the queue."""
    await worker.triage(delivery(msg))


@app.queue_trigger("msg", f"{QUEUE}-poison", STORAGE)
async def triage_poison(msg: func.QueueMessage) -> None:
    """Escalates what could not be triaged."""
    await worker.triage_poison(delivery(msg))


@app.timer_trigger("timer", "0 */15 * * * *")
async def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Hands over what no automation rule handed over."""
    await worker.sweep()
