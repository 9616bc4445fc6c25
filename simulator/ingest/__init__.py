"""A generated folder into a real workspace, and what Sentinel and the playbook made of it.

`ingest` sends events through the Logs Ingestion API; `verify` waits for incidents and compares. Both talk to
Azure as any client would: nothing of the playbook's own clients is used.
"""
