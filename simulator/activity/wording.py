"""What changes in the command lines of a working day: slots, and words that take turns.

`@hex4@` stands for four random hexadecimal digits, `@num4@` for a number of four digits, `@home@` for the
profile folder of whoever runs it, and a word in braces for one of its list.
"""

import re
from collections.abc import Iterator
from itertools import product
from types import MappingProxyType

HEX4, NUM4, HOME = "@hex4@", "@num4@", "@home@"
FRESH_GUID = f"{HEX4}{HEX4}-7c1e-4b02-9d3f-{HEX4}52e081c5"
"""A GUID as programs make one up for a pipe: twelve of its digits change."""

_MONTHS = tuple(f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13))
_TOPICS = ("Budget", "Forecast", "Invoice", "Minutes", "Offer", "Travel", "Contract", "Price list", "Survey")

WORDS = MappingProxyType(
    {
        "file": tuple(f"{topic} {month}" for topic in _TOPICS for month in _MONTHS),
        "share": ("Finance", "Sales", "Engineering", "Procurement", "Marketing", "Logistics"),
        "locale": ("en-US", "de", "fr", "it", "cs", "pl"),
        "site": ("intranet", "wiki", "tickets", "travel", "timesheet", "learning", "status", "press"),
        "service": (
            *(
                "BITS",
                "wuauserv",
                "UsoSvc",
                "WaaSMedicSvc",
                "gpsvc",
                "ProfSvc",
                "seclogon",
                "DsmSvc",
                "wlidsvc",
            ),
            *("lfsvc", "AppXSvc", "ClipSVC", "LicenseManager", "DoSvc", "wisvc", "iphlpsvc", "Appinfo"),
        ),
        "counter": (
            r"\Memory\Available MBytes",
            r"\LogicalDisk(C:)\% Free Space",
            r"\LogicalDisk(D:)\% Free Space",
            r"\Processor(_Total)\% Processor Time",
            r"\System\Processor Queue Length",
            r"\MSExchangeTransport Queues(_total)\Messages Queued For Delivery",
        ),
        "pool": (
            "MSExchangeRpcProxyAppPool",
            "MSExchangeAutodiscoverAppPool",
            "MSExchangeServicesAppPool",
            "MSExchangeSyncAppPool",
            "MSExchangeMapiMailboxAppPool",
            "MSExchangeRestFrontEndAppPool",
        ),
        "database": tuple(f"MDB{number:02}" for number in range(1, 13)),
        "exchange": tuple(f"EXCH{number:02}" for number in range(1, 7)),
        "server": ("DC01", "DC02", "FS01", "FS02", "FS03", "IDM01", "EXCH01", "EXCH02"),
        "queue": ("MessageCount", "Velocity", "NextHopDomain", "DeliveryType"),
        "console": ("dsa", "dssite", "gpmc", "dnsmgmt", "dhcpmgmt", "certlm", "eventvwr", "services"),
        "applet": ("main.cpl", "desk.cpl", "mmsys.cpl", "ncpa.cpl", "timedate.cpl"),
    }
)
_WORD = re.compile(r"\{([a-z]+)\}")


def worded(text: str) -> Iterator[str]:
    """The text with its words in braces replaced, once for each combination. Raises KeyError for another."""
    names = tuple(dict.fromkeys(_WORD.findall(text)))
    for words in product(*(WORDS[name] for name in names)):
        chosen = dict(zip(names, words, strict=True))
        yield _WORD.sub(lambda found: chosen[found[1]], text)  # noqa: B023 - used at once
