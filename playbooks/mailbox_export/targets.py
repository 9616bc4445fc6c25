"""Where an export writes: UNC paths taken apart, compared by whole components, never by prefix of text."""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self

from playbooks.command_line.command_values import Hole, HoleKind, Value
from playbooks.folding import fold
from playbooks.model import Policy
from playbooks.who.hosts import complete_host, is_host_name

HOLE = "\0"
"""Stands for a part that is only known when the command runs; equal to no component of a root."""

_DRIVE_SHARE = re.compile(r"[a-z]\$|admin\$")
_WEB_FOLDERS = frozenset(
    {"inetpub", "wwwroot", "aspnet_client", "httpproxy", "clientaccess", "owa", "ecp", "oab"}
)
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "loopback", "ip6-localhost", "."})
_DEVICE_PREFIX = re.compile(r"\\\\[?.]\\unc\\", re.IGNORECASE)
_SHORT_NAME = re.compile(r"(.{1,6})~\d{1,6}")
"""The 8.3 spelling that Windows gives a long name: up to six of its letters and a number."""
_BAD_CHARACTERS = re.compile(r'[\x01-\x1f<>"|?*]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    r"""A target path: `server` as a full name in lower case, `components` from the share on, as written.

    `unc` is False for anything that is no plain `\\server\share\…`; then `server` may be empty.
    """

    text: str
    server: str
    components: tuple[str, ...]
    unc: bool
    literal_enough: bool

    @property
    def folded(self) -> tuple[str, ...]:
        """Components for comparison: names on a file server compare without case."""
        return tuple(fold(component) for component in self.components)


@dataclass(frozen=True, slots=True)
class Root:
    """An approved folder: a server's full name and the components from the share on, folded."""

    server: str
    components: tuple[str, ...]

    def holds(self, target: Target) -> bool:
        """True where `target` lies below this folder, whole component by whole component."""
        depth = len(self.components)
        return (
            target.unc
            and target.server == self.server
            and len(target.components) > depth
            and target.folded[:depth] == self.components
        )

    def below(self, component: str) -> Self:
        """The folder of that name inside this one."""
        return replace(self, components=(*self.components, fold(component)))

    @property
    def shown(self) -> str:
        """The folder as a UNC path."""
        return "\\\\" + "\\".join((self.server, *self.components))


def read_target(value: Value, policy: Policy) -> Target:
    """A `-FilePath` value, its server completed with the organisation's DNS suffix."""
    text = "".join(part if isinstance(part, str) else HOLE for part in value.parts)
    slashed = text.replace("/", "\\")
    server, *rest = slashed[2:].split("\\") if slashed.startswith("\\\\") else ("", *slashed.split("\\"))
    components = tuple(component for component in rest if component)
    return Target(
        text=value.shown,
        server=_whole_name(fold(server), policy),
        components=components,
        unc=slashed.startswith("\\\\") and bool(server) and len(components) >= 2,
        literal_enough=_is_literal_enough(value) and HOLE not in "".join((server, *components[:1])),
    )


def parse_root(text: str, policy: Policy) -> Root:
    """An approved root of a register or a setting. Raises ValueError unless it is a plain UNC folder."""
    target = read_target(Value((text.strip().rstrip("\\"), "\\x.pst")), policy)
    if not target.unc or len(target.components) < 2 or not is_host_name(target.server):
        raise ValueError(f"{text!r} is not a folder of the form \\\\server\\share")
    if any(_is_dotted(component) or component == HOLE for component in target.components):
        raise ValueError(f"{text!r} holds a component that is no plain name")
    return Root(target.server, target.folded[:-1])


def is_own_server(name: str, policy: Policy) -> bool:
    """True for a host name, short or full, or a domain, of the organisation or its file servers."""
    server = _whole_name(fold(name.strip()), policy).rstrip(".")
    own = {fold(dns.strip(".")) for dns in policy.domains.values()}
    inside = _has_trusted_suffix(server, policy) or server.endswith(tuple(f".{dns}" for dns in own))
    return is_host_name(server) and (inside or server in own)


def target_flags(target: Target, policy: Policy) -> tuple[tuple[str, str], ...]:
    """Red flags of a path as pairs of code and words (policy, section 4: `target_*`)."""
    plain = _without_device_prefix(target, policy)
    found = (
        ("target_not_pst", _not_pst(target)),
        ("target_web_root", _web_root(target)),
        ("target_admin_share", _admin_share(plain)),
        ("target_untrusted_host", _untrusted_host(target, policy)),
    )
    return tuple((code, words) for code, words in found if words)


def _without_device_prefix(target: Target, policy: Policy) -> Target:
    r"""The path that `\\?\UNC\server\share` stands for, so that the prefix hides no share."""
    text = target.text.replace("/", "\\")
    plain = _DEVICE_PREFIX.sub(lambda _: "\\\\", text, count=1)
    return target if plain == text else replace(read_target(Value((plain,)), policy), text=target.text)


def _whole_name(server: str, policy: Policy) -> str:
    """A short name completed; what is no name (an address, loopback) is left as it was written."""
    if not is_host_name(server) or server in _LOOPBACK_NAMES or _address(server) is not None:
        return server
    return complete_host(server, policy)


def _is_literal_enough(value: Value) -> bool:
    """No unfixed part, and none in or before the share or in the ending (policy, reading rules)."""
    if any(hole.kind is HoleKind.UNKNOWN for hole in value.holes):
        return False
    first, last = (value.parts[0], value.parts[-1]) if value.parts else (Hole(HoleKind.UNKNOWN, ""),) * 2
    return isinstance(first, str) and isinstance(last, str)


def _not_pst(target: Target) -> str:
    name = target.components[-1] if target.components else target.text
    if name.endswith(HOLE):
        return ""
    if target.text.endswith(("\\", "/")):
        return f"{target.text} names a folder, not a .pst file"
    if ":" in "".join(target.components[1:]):
        return f"{target.text} names a stream or a drive, not a plain .pst file"
    return "" if fold(name).endswith(".pst") else f"{target.text} does not end in .pst"


def _web_root(target: Target) -> str:
    folders = {fold(component.rstrip(". $")) for component in target.components}
    shortened = {short[1] for folder in folders if (short := _SHORT_NAME.fullmatch(folder))}
    hits = sorted(web for web in _WEB_FOLDERS if web in folders or (len(web) > 8 and web[:6] in shortened))
    return f"{target.text} lies below the web folder {hits[0]}" if hits else ""


def _admin_share(target: Target) -> str:
    if _is_loopback(target.server):
        return f"{target.server} is the host itself (loopback)"
    share = fold(target.components[0].rstrip(". ")) if target.components else ""
    drive = re.fullmatch(r"[a-z]:.*", share) is not None and not target.unc
    if _DRIVE_SHARE.fullmatch(share) or drive:
        return f"{target.text} uses an administrative share or a local drive"
    return ""


def _untrusted_host(target: Target, policy: Policy) -> str:
    """The first thing that keeps a path from being a plain one on a trusted file server."""
    text, server = target.text, target.server
    if not server and target.components[:1] and target.components[0].startswith(HOLE):
        # Nobody knows where it begins; that the text does not fix it is told as such.
        return ""
    odd = _BAD_CHARACTERS.search("".join(target.components)) is not None or not is_host_name(server)
    faults = (
        (not target.unc, f"{text} is not a UNC path of a server and a share"),
        (any(map(_is_dotted, target.components)), f"{text} steps out of its folder with dots"),
        ("davwwwroot" in target.folded or "@" in server, f"{text} is a WebDAV address"),
        (_address(server) is not None, f"{server} is an IP address, not the name of a file server"),
        (odd, f"{text} holds characters that no server or file name has"),
        (not _has_trusted_suffix(server, policy), f"{server} is outside the trusted DNS suffixes"),
    )
    return next((words for fault, words in faults if fault), "")


def _has_trusted_suffix(server: str, policy: Policy) -> bool:
    return server.endswith(tuple(f".{fold(suffix.strip('.'))}" for suffix in policy.file_server_suffixes))


def _is_dotted(component: str) -> bool:
    """`.`, `..` and what Windows makes of them once blanks are cut off."""
    return bool(component) and not component.strip(". ")


def _is_loopback(server: str) -> bool:
    address = _address(server)
    return (
        server.partition("@")[0].rstrip(".") in _LOOPBACK_NAMES
        or server == "."
        or (address is not None and address.is_loopback)
    )


def _address(server: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a server name spells: dotted, decimal, octal, hexadecimal, or IPv6 (literal) form."""
    name = fold(server).strip("[]").partition("@")[0].rstrip(".")
    name = (
        name.removesuffix(".ipv6-literal.net").replace("-", ":")
        if name.endswith(".ipv6-literal.net")
        else name
    )
    if ":" not in name:
        return _ipv4(name)
    try:
        return ipaddress.IPv6Address(name.partition("s")[0])
    except ValueError:
        return None


def _ipv4(name: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address of one to four numbers, each decimal, octal (0…) or hexadecimal (0x…)."""
    numbers = [_number(part) for part in name.split(".")]
    if not 1 <= len(numbers) <= 4 or None in numbers:
        return None
    *heads, tail = [number for number in numbers if number is not None]
    if any(head > 255 for head in heads) or tail >= 256 ** (4 - len(heads)):
        return None
    return ipaddress.IPv4Address(sum(head << 8 * (3 - place) for place, head in enumerate(heads)) + tail)


def _number(part: str) -> int | None:
    for pattern, base in ((r"0x[0-9a-f]{1,8}", 16), (r"0[0-7]{0,11}", 8), (r"[1-9]\d{0,9}", 10)):
        if re.fullmatch(pattern, part, re.ASCII):
            return int(part, base)
    return None
