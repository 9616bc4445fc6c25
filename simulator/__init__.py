"""Everything around the function: activity, logs, rules, Sentinel, Graph and the Functions host, locally."""
