"""Builds the zip that Flex Consumption takes: the app, compiled, without simulator and tests.

    python tools/package.py             out/package/app.zip; Azure installs the packages (remote build)
    python tools/package.py --vendor    out/package/app-full.zip; the locked packages are in it, no build

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

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("function_app.py", "host.json", "requirements.txt", "playbooks")
SITE = Path(".python_packages/lib/site-packages")
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
# Nothing reads the SDK's description of itself, and of its 20,000 modules the app imports some 40.
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


def compile_all(folder: Path) -> None:
    """Compiles our own code, and the vendored one as far as it is meant for this Python."""
    mode, strip = PycInvalidationMode.UNCHECKED_HASH, str(folder)
    if (folder / SITE).exists():
        compileall.compile_dir(
            folder / SITE, quiet=2, invalidation_mode=mode, stripdir=strip, rx=RARELY_IMPORTED
        )
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


def build(target: Path, *, with_packages: bool) -> None:
    """Builds the package at `target`. Raises PackageError."""
    if sys.version_info[:2] != WANTED:
        raise PackageError("The package holds byte code for Python 3.13: run this with Python 3.13.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        stage(folder)
        if with_packages:
            vendor(folder)
        compile_all(folder)
        write_zip(folder, target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vendor", action="store_true", help="put the locked packages into the zip")
    parser.add_argument("--out", type=Path, help="file to write")
    options = parser.parse_args(arguments)
    target = options.out or ROOT / "out" / "package" / ("app-full.zip" if options.vendor else "app.zip")
    try:
        build(target, with_packages=options.vendor)
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    packed = target.read_bytes()
    sys.stdout.write(f"{target}: {len(packed):,} bytes, sha256 {hashlib.sha256(packed).hexdigest()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
