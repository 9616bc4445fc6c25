"""Every reason code, in the order in which reasons are told."""

RED_FLAGS = ("probe_unregistered",)
FURTHER_REASONS = ("source_unavailable",)
SCENARIOS = ("probe_ticket",)
ORDER = (*SCENARIOS, *RED_FLAGS, *FURTHER_REASONS)
