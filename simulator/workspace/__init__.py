"""The local workspace: one server on 127.0.0.1 that plays Azure strictly, for tests and for `serve`.

It plays ARM SecurityInsights 2025-09-01 (`/subscriptions/…`), Microsoft Graph v1.0 (`/v1.0/…`), the Log
Analytics query API v1 (`/v1/workspaces/…`), the Entra token endpoint (`/login/…`) and the managed identity
endpoint of App Service (`/identity/token`). What the real services would refuse, it refuses: wrong
api-version, token, etag, content type, `$filter`, limits. All but the token endpoints want
`Authorization: Bearer local-workspace-token`.

For a person, under `/_control` (JSON in and out, no token; POST wants `Content-Type: application/json`):

    GET    /_control                     what there is
    GET    /_control/incidents           every incident with its alerts, comments and tasks
    GET    /_control/incidents/{name}    one of them
    POST   /_control/incidents/{name}    a person's edit: {"status": "Active"}, {"comment": "…"}
    GET    /_control/calls               every call so far, with its number and status
    GET    /_control/faults              the faults ordered
    POST   /_control/faults              order one: {"kind": "status", "service": "graph", "status": 429,
                                         "path": "*riskyUsers*", "retry_after": "2", "times": 3}
    DELETE /_control/faults              take them all back
    POST   /_control/events              {"events": [rows of ASimProcessEventLogs]}

The kinds of faults and their members are those of `faults.FaultKind` and `faults.Fault`.
"""

from simulator.workspace.faults import Fault, FaultBoard, FaultKind
from simulator.workspace.local import LocalWorkspace
from simulator.workspace.lockstep import Lockstep
from simulator.workspace.model import AlertSpec, Call, EventStore, QueryTable
from simulator.workspace.wire import Refusal

__all__ = [
    "AlertSpec",
    "Call",
    "EventStore",
    "Fault",
    "FaultBoard",
    "FaultKind",
    "LocalWorkspace",
    "Lockstep",
    "QueryTable",
    "Refusal",
]
