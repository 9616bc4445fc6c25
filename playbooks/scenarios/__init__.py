"""The form of worked examples, for the scenarios of every playbook. None of it ships with the function."""

from playbooks.scenarios.catalogue import Catalogue, Company, Named, Performance, Rows
from playbooks.scenarios.programs import Program, RunsAs
from playbooks.scenarios.scenario import (
    Expected,
    Hours,
    Kind,
    Place,
    Register,
    Runner,
    Scenario,
    Source,
    Step,
    fill,
    slots_of,
)

__all__ = [
    "Catalogue",
    "Company",
    "Expected",
    "Hours",
    "Kind",
    "Named",
    "Performance",
    "Place",
    "Program",
    "Register",
    "Rows",
    "Runner",
    "RunsAs",
    "Scenario",
    "Source",
    "Step",
    "fill",
    "slots_of",
]
