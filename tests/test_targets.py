"""Export targets: what is inside an approved folder, and which paths raise a flag."""

import pytest
from fakes import fake_policy
from hypothesis import given
from hypothesis import strategies as st
from worlds import TENANT

from playbooks.command_line.command_values import Hole, HoleKind, Value
from playbooks.mailbox_export.targets import parse_root, read_target, target_flags

POLICY = fake_policy(TENANT)
ROOT = parse_root(r"\\FS01\Exports$\jobs", POLICY)


def flags(path: str) -> set[str]:
    """Codes that a literal path raises."""
    return {code for code, _ in target_flags(read_target(Value((path,)), POLICY), POLICY)}


@pytest.mark.parametrize(
    "path",
    [
        r"\\FS01\Exports$\jobs\a.pst",
        r"\\fs01.CONTOSO.com\exports$\JOBS\2024\a.pst",
        "//fs01/Exports$/jobs/a.pst",
        r"\\FS01\Exports$\\jobs\a.pst",
    ],
)
def test_a_plain_file_below_the_root_is_inside_and_raises_nothing(path: str) -> None:
    """Short and full server names, letter case and slashes are one and the same path."""
    assert ROOT.holds(read_target(Value((path,)), POLICY))
    assert set() == flags(path)


@pytest.mark.parametrize(
    "path",
    [
        r"\\FS01\Exports$\jobsevil\a.pst",
        r"\\FS01\Exports$evil\jobs\a.pst",
        r"\\FS01\Exports$\a.pst",
        r"\\FS011\Exports$\jobs\a.pst",
        r"\\FS01.fabrikam.com\Exports$\jobs\a.pst",
        r"\\FS01\Exports$\jobs",
        r"\\FS01\other\Exports$\jobs\a.pst",
        "C:\\Exports$\\jobs\\a.pst",
        "\\\\\u212aS01\\Exports$\\jobs\\a.pst",
    ],
)
def test_a_prefix_of_text_is_no_folder(path: str) -> None:
    """Roots compare by whole components on exactly that server."""
    assert not ROOT.holds(read_target(Value((path,)), POLICY))


def test_the_kelvin_sign_is_no_k() -> None:
    """A letter that only looks like another, and folds to it, names another server."""
    root = parse_root(r"\\kfs\jobs", POLICY)

    assert root.holds(read_target(Value((r"\\KFS\jobs\a.pst",)), POLICY))
    assert not root.holds(read_target(Value(("\\\\\u212aFS\\jobs\\a.pst",)), POLICY))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (r"\\FS01\Exports$\a.pst.aspx", "target_not_pst"),
        (r"\\FS01\Exports$\a.pst.", "target_not_pst"),
        (r"\\FS01\Exports$\a.pst ", "target_not_pst"),
        (r"\\FS01\Exports$\a.pst::$DATA", "target_not_pst"),
        (r"\\FS01\Exports$\a.aspx:b.pst", "target_not_pst"),
        (r"\\FS01\Exports$\a", "target_not_pst"),
        (r"\\EXCH01\d\inetpub\x.pst", "target_web_root"),
        (r"\\EXCH01\d\FrontEnd\HttpProxy\x.pst", "target_web_root"),
        (r"\\EXCH01\d\OWA .\x.pst", "target_web_root"),
        (r"\\EXCH01\c$\x.pst", "target_admin_share"),
        (r"\\EXCH01\E$ \x.pst", "target_admin_share"),
        (r"\\EXCH01\ADMIN$\x.pst", "target_admin_share"),
        (r"\\localhost\s\x.pst", "target_admin_share"),
        (r"\\127.0.0.1\s\x.pst", "target_admin_share"),
        (r"\\127.1\s\x.pst", "target_admin_share"),
        (r"\\2130706433\s\x.pst", "target_admin_share"),
        (r"\\0x7f000001\s\x.pst", "target_admin_share"),
        (r"\\0177.0.0.1\s\x.pst", "target_admin_share"),
        (r"\\0--1.ipv6-literal.net\s\x.pst", "target_admin_share"),
        (r"C:\temp\x.pst", "target_admin_share"),
        (r"C:\temp\x.pst", "target_untrusted_host"),
        (r"\\192.0.2.7\s\x.pst", "target_untrusted_host"),
        (r"\\fs01.contoso.com.example\s\x.pst", "target_untrusted_host"),
        (r"\\fs01@SSL\s\x.pst", "target_untrusted_host"),
        (r"\\fs01\DavWWWRoot\s\x.pst", "target_untrusted_host"),
        (r"\\FS01\Exports$\..\c$\x.pst", "target_untrusted_host"),
        (r"\\FS01\Exports$\.. \x.pst", "target_untrusted_host"),
        (r"\\?\UNC\FS01\Exports$\x.pst", "target_untrusted_host"),
        (r"\\.\C:\x.pst", "target_untrusted_host"),
        (r"\\\\FS01\\Exports$\\x.pst", "target_untrusted_host"),
        (r"\\FS01\x.pst", "target_untrusted_host"),
    ],
)
def test_a_bad_path_raises_its_flag(path: str, code: str) -> None:
    """Each way around the plain path is seen."""
    assert code in flags(path)


def test_a_path_whose_beginning_nobody_knows_is_no_foreign_host() -> None:
    """That the text does not fix it is told as such; what is known of it still raises its flag."""
    unfixed = Hole(HoleKind.UNKNOWN, "$p")

    raised = {code for code, _ in target_flags(read_target(Value((unfixed, "\\x.aspx")), POLICY), POLICY)}

    assert "target_untrusted_host" not in raised
    assert "target_not_pst" in raised


@pytest.mark.parametrize(
    ("parts", "enough"),
    [
        ((r"\\FS01\Exports$\jobs\ ".strip(), Hole(HoleKind.MAILBOX_PROPERTY, "$_.Alias"), ".pst"), True),
        ((r"\\FS01\Exports$\jobs\ ".strip(), Hole(HoleKind.DATE, "(Get-Date -f yyyy)"), ".pst"), True),
        ((r"\\FS01\Exports$\jobs\ ".strip(), Hole(HoleKind.UNKNOWN, "$x"), ".pst"), False),
        ((r"\\FS01\Exports$\jobs\ ".strip(), Hole(HoleKind.MAILBOX_PROPERTY, "$_.Alias")), False),
        ((Hole(HoleKind.MAILBOX_PROPERTY, "$_.Alias"), r"\Exports$\jobs\a.pst"), False),
        ((), False),
    ],
)
def test_only_known_holes_between_literal_root_and_ending_are_literal_enough(
    parts: tuple[str | Hole, ...], enough: bool
) -> None:
    """What is fed by Get-Mailbox or a date is allowed, and only in the middle."""
    assert enough is read_target(Value(parts), POLICY).literal_enough


def test_a_hole_never_stands_for_a_part_of_the_root() -> None:
    """The share or a folder of the root that is only known at run time is outside."""
    parts = ("\\\\FS01\\", Hole(HoleKind.MAILBOX_PROPERTY, "$_.Alias"), "\\jobs\\a.pst")

    assert not ROOT.holds(read_target(Value(parts), POLICY))


@pytest.mark.parametrize(
    "text", ["", "*", r"\\FS01", "C:\\x", r"\\192.0.2.1\s", r"\\FS01\a\..\b", "fs01\\s", r"\\?\UNC\FS01\s"]
)
def test_a_root_that_is_no_plain_folder_is_refused(text: str) -> None:
    """Registers and settings hold plain UNC folders only."""
    with pytest.raises(ValueError, match=r"folder|plain name"):
        parse_root(text, POLICY)


@given(st.text(alphabet="\\/.:$@abcFS01 \0\u202e%*", max_size=60))
def test_no_text_makes_the_reader_fail_and_nothing_unc_less_is_inside(text: str) -> None:
    """Any text at all is read; what is not below the root's own components is outside."""
    target = read_target(Value((text,)), POLICY)

    target_flags(target, POLICY)
    assert not ROOT.holds(target) or target.folded[:2] == ROOT.components
