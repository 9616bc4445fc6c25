"""The whole chain on one machine, and what it is worth: cases in, verdicts out."""
