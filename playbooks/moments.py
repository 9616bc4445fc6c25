"""Times as a reader sees them, and as the organisation's own wall clock does. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from playbooks.model import Policy


def clock(moment: datetime) -> str:
    """A time for a reader, in UTC."""
    return f"{moment.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def is_business_time(moment: datetime, policy: Policy) -> bool:
    """True inside the organisation's business hours, read on its own wall clock."""
    local = moment.astimezone(ZoneInfo(policy.time_zone))
    hours = policy.business_hours
    return local.weekday() in hours.weekdays and hours.start <= local.hour * 60 + local.minute < hours.end
