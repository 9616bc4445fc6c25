"""The guides for deploying and operating: what they name exists, and what exists is named."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "playbooks").rglob("*.md")])
GUIDES = [
    ROOT / "docs" / f"{name}.md" for name in ("deploy", "operate", "permissions", "faq", "architecture")
]
BICEP = "".join(path.read_text() for path in sorted((ROOT / "deploy").rglob("*.bicep")))


def doc(name: str) -> str:
    """A document's text."""
    return (ROOT / "docs" / f"{name}.md").read_text()


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links to files and headings."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place.read_text()), target


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_setting_and_file_a_guide_names_exists(page: Path) -> None:
    """Settings of the app, files of the repository."""
    text = page.read_text()
    for name in re.findall(rf"\b{PREFIX}([A-Z_]+[A-Z])\b", text):
        assert name.lower() in Settings.model_fields, name
    for path in re.findall(r"\b(?:deploy|tools|playbooks|docs)/[\w./-]+\.\w+", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_of_the_project_that_a_guide_names_exists(page: Path) -> None:
    """Targets of the Makefile, and options of our scripts."""
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^(?:make|.*`make) ([a-z]+)", text, re.MULTILINE)) <= targets
    for script, options in re.findall(
        r"((?:tools|deploy)/\w+\.(?:py|sh))((?: --?[\w-]+(?: \$?\w+)?)*)", text
    ):
        source = (ROOT / script).read_text()
        for option in re.findall(r"--[\w-]+", options):
            assert option in source, f"{script} {option}"


def test_parameters_that_the_guides_name_are_parameters_of_the_template() -> None:
    """Those set in backticks by the deploy guide and the operator's guide."""
    declared = set(re.findall(r"^param (\w+) ", (ROOT / "deploy/main.bicep").read_text(), re.MULTILINE))
    camel = set(re.findall(r"`([a-z]+(?:[A-Z][a-z]+)+)`", doc("deploy") + doc("operate")))
    known_elsewhere = {"allowedApplications", "logicAppId", "authsettingsV2", "publisherId"}

    assert camel
    assert camel - known_elsewhere <= declared
    assert set(re.findall(r'"properties\.outputs\.\$1|\bout (\w+)\)', doc("deploy"))) - {""} <= set(
        re.findall(r"^output (\w+) ", BICEP, re.MULTILINE)
    )


def test_the_table_of_graph_permissions_is_the_script_s_own_list() -> None:
    """Name, purpose and what happens without it, word for word."""
    command = [sys.executable, "tools/grant_graph_permissions.py", "--list", "--defender-portal"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603
    table = re.findall(r"^\| `([\w.]+)` \| (.+) \| (.+) \|$", doc("permissions"), re.MULTILINE)

    assert listed.splitlines() == [
        f"{name}: {purpose}; without it {without}" for name, purpose, without in table
    ]


def test_every_role_of_the_template_is_in_the_table_and_the_other_way_round() -> None:
    """By its id; two ids are of applications and not of roles."""
    applications = {"04b07795-8ddb-461a-bbee-02f9e1bf7b46", "98785600-1bb7-4fb9-b9fa-19afe2c8a360"}
    rules = {"4500a2ff-455b-4ee7-a21d-5ac5c7c9ea87", "b0d9a6c2-6b1e-4a57-9f0e-6c1d7a1f2e34"}
    guid = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

    assert set(re.findall(rf"\| `({guid})` \|", doc("permissions"))) == (
        set(re.findall(guid, BICEP)) - applications - rules
    )


def alarms() -> set[str]:
    """Every alarm that the code can raise under a name of its own."""
    found = set[str]()
    for path in (ROOT / "playbooks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.keyword(arg="alarm", value=value):
                    found |= constants(value)
                case ast.Assign(targets=[ast.Name(id="alarm")], value=value):
                    found |= constants(value)
    return found - {""}


def constants(node: ast.expr) -> set[str]:
    """Texts that an expression may become."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=orelse):
            return constants(body) | constants(orelse)
    return set()


def test_every_alarm_is_explained_and_every_explained_one_is_raised() -> None:
    """The operator's table and the code name the same alarms."""
    section = doc("operate").partition("## Alarms")[2].partition("\nAny other alarm")[0]

    assert alarms()
    assert alarms() == set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_every_alert_is_explained() -> None:
    """The operator's table and the template name the same alerts."""
    section = doc("operate").partition("\n| alert |")[2].partition("\n\n")[0]
    text = (ROOT / "deploy/modules/alerts.bicep").read_text()
    deployed = set(re.findall(r"^    name: '([\w-]+)'\n    words:", text, re.MULTILINE))
    deployed |= set(re.findall(r"name: '\$\{namePrefix\}-([\w-]+)'$", text, re.MULTILINE))

    assert deployed - {"alarm"} == set(re.findall(r"^\| \*([\w-]+)\*", section, re.MULTILINE))


def test_every_deployed_file_is_in_the_architecture_page() -> None:
    """Each template with what it makes."""
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy").rglob("*.bicep")}
    named = set(re.findall(r"^\| `(deploy/[^`]+|playbooks/[^`]+json)` \|", doc("architecture"), re.MULTILINE))
    made = (path.relative_to(ROOT).as_posix() for path in (ROOT / "playbooks").rglob("azuredeploy.json"))
    forms = {
        re.sub(r"Playbooks/\w+", "Playbooks/<Title>", re.sub(r"^playbooks/\w+", "playbooks/<name>", path))
        for path in made
    }

    assert modules | forms == named


def test_what_could_not_be_tried_is_in_one_place_each_with_a_check() -> None:
    """A list in the deploy guide: what, how to check, what to do."""
    section = doc("deploy").partition("## Not tried without a subscription")[2]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]

    assert len(lines) > 10
    assert all(len(line) >= 2 and line[1].strip() for line in lines)


def test_the_sum_of_the_cost_table_is_right() -> None:
    """The rows add up to the sum that is shown."""
    section = doc("operate").partition("## Cost")[2]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    costs = [float(row[-1]) for row in rows if re.fullmatch(r" \d+\.\d\d ", row[-1])]
    total = re.search(r"\| \*\*sum\*\* .*\*\*([\d.]+)\*\*", section)

    assert total is not None
    assert float(total[1]) == pytest.approx(sum(costs))
