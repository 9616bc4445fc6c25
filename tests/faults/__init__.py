"""The fault suite: whatever fails, no attack is closed and no incident is lost.

Two levels, one driver, one set of invariants.

- *Ports* (`ports_stage`): the real service, worker, pipeline, plan, comment and playbook against strict
  ports in memory. Some hundred runs a second: every step with every fault, pairs, generated schedules.
  It proves the order of things: reads, decisions, writes, retries, the queue, people.
- *Wire* (`wire_stage`): the same with the real clients, over loopback HTTP, against the local workspace.
  Some ten runs a second: every step with what can befall an HTTP answer, each endpoint failing for ever.
  It proves that the clients turn every answer into found, absent or unknown, and write what was read.

A schedule is a line of text (`schedule.Schedule`), and a violation names it:
`python tools/chaos.py --replay 'world=scheduled 3:lost'` runs it again.
"""
