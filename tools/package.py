"""Builds the zip that Flex Consumption takes: the app, compiled, without simulator and tests.

    python tools/package.py             out/package/app.zip; Azure installs the packages (remote build)
    python tools/package.py --vendor    out/package/app-full.zip; the locked packages are in it, no build

Of msgraph-sdk the second holds what the app uses (`tools/trim_sdk.py`), tried before it is packed; with
`--whole-sdk` all of it.

Everything is compiled to `.pyc` that are never checked against the source's time, since unpacking changes
it: a cold start would compile all of it again. The same tree gives the same bytes. Needs Python 3.13, whose
byte code the app runs. Prints the file, its size and its SHA-256. Exit status: 0 built, 2 it cannot be built.
"""  # noqa: INP001 - a script, not a package

import argparse
import compileall
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode

import trim_sdk

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("function_app.py", "host.json", "requirements.txt", "playbooks")
SITE = Path(".python_packages/lib/site-packages")
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
INSTEAD = "With --whole-sdk the package holds all of it."
# Nothing reads the SDK's description of itself, and of its 16,700 modules the app imports some 40.
UNREAD = "kiota-dom-export.txt"
RARELY_IMPORTED = re.compile(r"msgraph/generated/(models/|[^/]+/[^/]+/[^/]+/)")
# What a playbook's folder holds besides the playbook; `.funcignore` names the same.
AT_HOME = ("scenarios", "sentinel", "tests")
STAMP = (2026, 1, 1, 0, 0, 0)
WANTED = (3, 13)


LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "*.pyc", "*.md", *AT_HOME)


class PackageError(Exception):
    """Why there is no package, in words for the person at the keyboard."""


def stage(folder: Path) -> None:
    """Copies what ships into `folder`, compiled files and caches left behind."""
    for name in SHIPPED:
        source, target = ROOT / name, folder / name
        if not source.exists():
            raise PackageError(f"{name} is missing; run this from a whole checkout.")
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_BEHIND)
        else:
            shutil.copyfile(source, target)


def vendor(folder: Path) -> None:
    """Installs the locked packages for Linux on x86-64 below `folder`, whatever machine this is."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-compile", "--require-hashes", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", "3.13", "--target", str(folder / SITE)]
    command += [part for platform in PLATFORMS for part in ("--platform", platform)]
    command += ["--requirement", str(ROOT / "requirements.txt")]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own interpreter
        raise PackageError("The locked packages could not be installed; pip says above what is wrong.")
    for unread in folder.rglob(UNREAD):
        unread.unlink()


def trim_to_use(folder: Path) -> None:
    """Leaves of the vendored msgraph-sdk what the staged app uses, and tries it. Raises PackageError."""
    try:
        trim_sdk.trim(folder / SITE, folder)
    except trim_sdk.TrimError as error:
        raise PackageError(f"{error} {INSTEAD}") from error
    command = [sys.executable, "-B", trim_sdk.__file__, str(folder / SITE), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own script
    if done.returncode:
        raise PackageError(f"What is left of msgraph-sdk is not enough. {done.stderr.strip()} {INSTEAD}")


def compile_all(folder: Path, *, but: re.Pattern[str] | None) -> None:
    """Compiles our own code, and the vendored one, `but` these, as far as it is meant for this Python."""
    mode, strip = PycInvalidationMode.UNCHECKED_HASH, str(folder)
    if (folder / SITE).exists():
        compileall.compile_dir(folder / SITE, quiet=2, invalidation_mode=mode, stripdir=strip, rx=but)
    compiled = (
        compileall.compile_file(folder / "function_app.py", quiet=1, invalidation_mode=mode, stripdir=strip),
        compileall.compile_dir(folder / "playbooks", quiet=1, invalidation_mode=mode, stripdir=strip),
    )
    if not all(compiled):
        raise PackageError("The app does not compile; Python says above where.")


def members(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, in a fixed order."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def write_zip(folder: Path, target: Path) -> None:
    """Packs `folder` with fixed times and rights."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in members(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            packed.writestr(entry, path.read_bytes())


def build(target: Path, *, with_packages: bool, with_whole_sdk: bool) -> str:
    """Builds the package at `target`; how large it is when unpacked, in words. Raises PackageError."""
    if sys.version_info[:2] != WANTED:
        raise PackageError("The package holds byte code for Python 3.13: run this with Python 3.13.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        stage(folder)
        if with_packages:
            vendor(folder)
            if not with_whole_sdk:
                trim_to_use(folder)
        compile_all(folder, but=RARELY_IMPORTED if with_whole_sdk else None)
        write_zip(folder, target)
        sizes = [path.stat().st_size for path in members(folder)]
    return f"{len(sizes):,} files, {sum(sizes):,} bytes unpacked"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vendor", action="store_true", help="put the locked packages into the zip")
    parser.add_argument("--whole-sdk", action="store_true", help="with --vendor: all of msgraph-sdk")
    parser.add_argument("--out", type=Path, help="file to write")
    options = parser.parse_args(arguments)
    if options.whole_sdk and not options.vendor:
        parser.error("--whole-sdk is for --vendor: without it the package holds no packages")
    target = options.out or ROOT / "out" / "package" / ("app-full.zip" if options.vendor else "app.zip")
    try:
        held = build(target, with_packages=options.vendor, with_whole_sdk=options.whole_sdk)
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    packed = target.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    sys.stdout.write(f"{target}: {len(packed):,} bytes ({held}), sha256 {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
