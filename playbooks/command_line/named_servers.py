"""Which servers a command names: by a parameter, by place, or in a path or address.

The commands that may stand beside an export take their orders, their directory or their files from the
server they name. Whose server it is, is for the judge to say. Parameters: the references of the Exchange,
Active Directory and management cmdlets (Microsoft Learn); `Connect-ExchangeServer` takes a bare word for
its `-ServerFqdn` (ConnectFunctions.ps1 of Exchange Server).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from playbooks.command_line.command_values import Value
from playbooks.command_line.known_commands import is_harmless
from playbooks.command_line.mailbox_cmdlets import (
    NAMES,
    NEW_EXPORT,
    REMOVING,
    SELECTING,
    Argument,
    without_splats,
)
from playbooks.command_line.powershell_bound import Bound, as_values, literal, unknown
from playbooks.command_line.vocabulary import words

_OURS = {NEW_EXPORT.name.lower(): NEW_EXPORT, **SELECTING, **REMOVING}
_SERVER_WORDS = words("server computer domaincontroller globalcatalog hostname fqdn uri cimsession")
_SERVER_PARAMETERS = words(
    """cimsession cn computername configurationdomaincontroller connectionuri copyonserver domaincontroller
    forest mrsserver preferredglobalcatalog preferredserver remotehostname resourceuri server serverfqdn
    setpreferreddomaincontrollers"""
)
_SERVER_FIRST = frozenset({"connect-exchangeserver", "test-connection"})
"""Commands whose bare words are servers; every value of theirs is taken for one."""
_NO_SERVERS = re.compile(r"(?:write|out|format)-(?!eventlog)\w+|\w+-object|start-sleep|get-date|exit")
"""Commands that pass on, show or wait: an abbreviated parameter of theirs can be no server."""
_IN_TEXT = re.compile(r"(?:[a-z][a-z0-9+.-]+:|(?:^|::))//(?P<server>[^/?#]*)", re.IGNORECASE)
"""The server of an address or of a UNC path, separators turned; a provider may stand before a path."""
_PORT = re.compile(r":\d{1,5}\Z")


def named_servers(name: str, arguments: Sequence[Argument], feed: Bound | None) -> Iterator[Value]:
    """Each server that a command names, without its port; a value that is not fixed as it is.

    `name` in lower case, aliases resolved; `feed` is what comes through the pipeline. Commands that nobody
    vouches for give none: they are flagged as such. Values of our own cmdlets' other parameters have judges
    of their own.
    """
    if name not in NAMES and (not is_harmless(name) or _NO_SERVERS.fullmatch(name)):
        return
    fed = () if feed is None or name not in _SERVER_FIRST else (Argument(bound=feed, text="the pipeline"),)
    for parameter, argument in _paired((*fed, *arguments)):
        for value in as_values(argument.bound, argument.text):
            if name in _SERVER_FIRST or _names_server(name, parameter):
                yield from _as_server(value)
            elif name not in NAMES:
                yield from (literal(found["server"]) for found in _IN_TEXT.finditer(_turned(value)))


def _paired(arguments: Iterable[Argument]) -> Iterator[tuple[str, Argument]]:
    """Each value with the parameter before it in lower case; empty where there is none."""
    open_name, unfixed = "", list[str]()
    for argument in without_splats(arguments, unfixed):
        if argument.bound is None:
            open_name = (argument.name or "").lower()
            continue
        yield (argument.name or open_name).lower(), argument
        open_name = ""
    for text in unfixed:
        yield "server", Argument(bound=unknown(text), text=text)


def _names_server(name: str, parameter: str) -> bool:
    """True for a parameter that names a server, written out or shortened."""
    if name in _OURS:
        parameter = (_OURS[name].full_name(parameter) or parameter).lower()
    elif any(known.startswith(parameter) for known in _SERVER_PARAMETERS):
        return bool(parameter)
    return any(word in parameter for word in _SERVER_WORDS)


def _as_server(value: Value) -> Iterator[Value]:
    if value.literal is None:
        yield value
        return
    found = _IN_TEXT.match(_turned(value))
    server = _PORT.sub("", found["server"] if found else value.literal.strip())
    if server and not (server.isdecimal() and int(server) < 1 << 24):
        # A smaller number is an address of no host: a count, a length of time.
        yield literal(server)


def _turned(value: Value) -> str:
    return value.shown.strip().replace("\\", "/")
