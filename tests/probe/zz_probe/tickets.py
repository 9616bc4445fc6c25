"""The register of approved probe flags."""

from playbooks.model import Policy, WatchlistItem
from playbooks.ports import Register, RegisterRow

TICKETS = "ProbeTickets"


def read_tickets(items: tuple[WatchlistItem, ...], _: Policy | None) -> tuple[RegisterRow, ...]:
    """Each row; one without a ticket or an owner cannot be used."""
    return tuple(
        RegisterRow(
            key=item.cells.get("Ticket", ""),
            problems=tuple(f"{name} is empty" for name in ("Ticket", "Owner") if not item.cells.get(name)),
        )
        for item in items
    )


REGISTER = Register(
    alias=TICKETS,
    search_key="Ticket",
    columns=("Ticket", "Owner"),
    words="Tickets by which a probe flag may be set",
    read=read_tickets,
)
