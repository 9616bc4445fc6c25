"""A layer for the ATT&CK Navigator: how much of each technique's attacks the correlated rule saw.

Layer format 4.5 (mitre-attack/attack-navigator, `layers/LAYERFORMATv4_5.md`).
"""

from simulator.report.document import Json, technique_rows
from simulator.report.story import Report

VERSIONS = {"attack": "17", "navigator": "5.1.0", "layer": "4.5"}
_COLORS = ["#ff6666", "#ffe766", "#8ec843"]


def navigator_layer(report: Report) -> Json:
    """The layer as a JSON object. A technique's score is the share, in percent, that the rule saw."""
    return {
        "name": report.title,
        "versions": VERSIONS,
        "domain": "enterprise-attack",
        "description": (
            "Attacks of a simulated run by technique. Score: percent of the attacks with the technique that"
            " the correlated rule detected."
        ),
        "filters": {"platforms": ["Windows"]},
        "sorting": 3,
        "layout": {"layout": "side", "showID": True, "showName": True, "expandedSubtechniques": "annotated"},
        "hideDisabled": False,
        "techniques": [_technique(row) for row in technique_rows(report)],
        "gradient": {"colors": _COLORS, "minValue": 0, "maxValue": 100},
        "legendItems": [
            {"label": "no attack detected", "color": _COLORS[0]},
            {"label": "every attack detected", "color": _COLORS[-1]},
        ],
        "metadata": [
            {"name": "command", "value": report.command},
            {"name": "made", "value": report.made.isoformat(timespec="seconds")},
        ],
    }


def _technique(row: Json) -> Json:
    attacks, seen, detected = row["attacks"], row["seen"], row["detected"]
    if not (isinstance(attacks, int) and isinstance(seen, dict) and isinstance(detected, int)):
        raise TypeError("a technique row holds a count of attacks and counts by rule")
    counts = {"attacks": attacks, **{f"seen by {rule}": n for rule, n in seen.items()}}
    counts |= {"seen by no rule": row["unseen"], "closed": row["closed"]}
    return {
        "techniqueID": row["id"],
        "score": round(100 * detected / attacks),
        "comment": f"{detected} of {attacks} attacks detected by an analytics rule",
        "enabled": True,
        "metadata": [{"name": name, "value": str(count)} for name, count in counts.items()],
        "links": [{"label": "attack.mitre.org", "url": row["page"]}],
    }
