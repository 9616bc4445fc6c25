"""What can be wrong with a request to the generator."""


class PlanError(ValueError):
    """The wanted activity cannot be made; the text says what is wrong and what to ask for instead."""
