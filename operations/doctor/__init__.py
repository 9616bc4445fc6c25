"""What is wrong around the playbooks, why it matters, and the exact fix: `python -m simulator doctor`."""
