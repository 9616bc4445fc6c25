"""An examination as one JSON document."""

from dataclasses import asdict

from operations.doctor.examining import Examination


def document(examination: Examination) -> dict[str, object]:
    """`{"well", "askedAs", "mode", "checks": […], "findings": [{"code", "what", "why", "fix"}]}`."""
    return {
        "well": not examination.troubles,
        "askedAs": examination.asked_as,
        "mode": examination.mode,
        "checks": [
            {
                "subject": check.subject,
                "workspace": check.place,
                "state": check.state,
                "words": check.words or check.unseen,
            }
            for check in examination.checks
        ],
        "findings": [asdict(trouble) for trouble in examination.troubles],
    }
