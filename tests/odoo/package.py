"""Finds an Odoo 19: the one that ODOO_HOME names, `odoo` on PATH, or Debian's package.

Debian's `odoo-19` is fetched with a source list, lists and cache of its own and unpacked into the user's cache folder; nothing is
installed. apt checks the archive's signature. The mirror is the one that this machine's apt uses. Tried: odoo-19 19.0.0+dfsg-1; a newer
one is taken with a notice.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.odoo.process import SetupError

__all__ = ["OdooInstall", "cache_folder", "find_odoo"]

TRIED_VERSION = "19.0.0+dfsg-1"
TRIED_SHA256 = "9d2f598b0555db17e291d48ed24df184c70823c053c4c5ed53c467ca7f629bbf"

# The package links to files of these. fonts-font-awesome comes from Debian 12: unstable's has other file names.
_UNSTABLE = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    "fonts-ocr-b",
)
_STABLE = "bookworm"
_FROM_STABLE = ("fonts-font-awesome",)
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_REQUIREMENTS = Path(__file__).parent / "requirements.lock"


@dataclass(frozen=True, slots=True)
class OdooInstall:
    """How to run this Odoo: the command's start, its environment, where its own addons are."""

    command: tuple[str, ...]
    env: dict[str, str]
    addons: Path | None
    version: str


def cache_folder() -> Path:
    """Return the user's cache folder of this project, shared by clones."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "maildesk-connector"


def find_odoo() -> OdooInstall:
    """Return an Odoo to run. Raises `SetupError` that says what to do."""
    if home := os.environ.get("ODOO_HOME"):
        return _from_home(Path(home))
    if found := shutil.which("odoo"):
        return OdooInstall((found,), {}, None, _version_of((found,), {}))
    return _from_debian()


def _from_home(home: Path) -> OdooInstall:
    for script, addons in (
        (home / "odoo-bin", home / "addons"),
        (home / "usr/bin/odoo", home / "usr/lib/python3/dist-packages/odoo/addons"),
        (home / "bin/odoo", None),
    ):
        if script.is_file():
            path = home if script.name == "odoo-bin" else home / "usr/lib/python3/dist-packages"
            python = os.environ.get("ODOO_PYTHON") or str(_python_for_odoo())
            command, env = (python, str(script)), {"PYTHONPATH": str(path)}
            return OdooInstall(command, env, addons, f"{_version_of(command, env)} in {home}")
    raise SetupError(f"ODOO_HOME={home} is no Odoo: neither odoo-bin nor usr/bin/odoo is there")


def _version_of(command: tuple[str, ...], env: dict[str, str]) -> str:
    """Return what an Odoo says that it is. Raises `SetupError` unless it is a 19."""
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False, env=os.environ | env)  # noqa: S603 - the user's Odoo
    said = done.stdout.strip()
    if " 19." not in said:
        reason = said or (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise SetupError(f"{command[-1]} is not Odoo 19 ({reason}); set ODOO_HOME to one, or unset it and take `odoo` off PATH")
    return said


def _from_debian() -> OdooInstall:
    prefix = cache_folder() / "odoo-19"
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with _locked(prefix.parent / "odoo-19.lock"):
        if not (prefix / "version").is_file():
            _fetch(prefix)
    packages = prefix / "usr/lib/python3/dist-packages"
    return OdooInstall(
        (str(_python_for_odoo()), str(prefix / "usr/bin/odoo")),
        {"PYTHONPATH": str(packages)},
        packages / "odoo/addons",
        (prefix / "version").read_text().strip(),
    )


def _fetch(prefix: Path) -> None:
    """Download and unpack the package and what it links to."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise SetupError("there is no Odoo 19: set ODOO_HOME to a source tree or installed package (this machine has no apt to fetch one)")
    _say("fetching Odoo 19 from Debian (130 MB, once)")
    work = prefix.with_name("odoo-19.download")
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("lists/partial", "cache/archives/partial", "debs", "root"):
        (work / folder).mkdir(parents=True)
    mirror = _mirror()
    (work / "sources.list").write_text("".join(f"deb [signed-by={_KEYRING}] {mirror} {suite} main\n" for suite in ("unstable", _STABLE)))
    own = [
        *("-o", f"Dir::Etc::sourcelist={work}/sources.list", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"),
        *("-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"),
    ]
    _run(["apt-get", *own, "update", "--quiet"], work)
    wanted = [*(f"{name}/unstable" for name in _UNSTABLE), *(f"{name}/{_STABLE}" for name in _FROM_STABLE)]
    _run(["apt-get", *own, "download", "--quiet", *wanted], work / "debs")
    package = next((work / "debs").glob("odoo-19_*.deb"))
    version = package.name.split("_")[1]
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    if version != TRIED_VERSION:
        _say(f"notice: odoo-19 {version} is not the version that was tried ({TRIED_VERSION})")
    elif digest != TRIED_SHA256:
        raise SetupError(f"odoo-19 {version} has another SHA-256 than the package that was tried: {digest}")
    for deb in sorted((work / "debs").glob("*.deb")):
        _run(["dpkg", "-x", str(deb), str(work / "root")], work)
    (work / "root" / "version").write_text(version)
    shutil.rmtree(prefix, ignore_errors=True)
    (work / "root").rename(prefix)
    shutil.rmtree(work)


def _mirror() -> str:
    """Return the address of the Debian mirror that this machine's apt uses."""
    shown = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN) $(CODENAME)"],  # noqa: S607 - apt's own place differs nowhere
        capture_output=True,
        text=True,
        check=False,
    )
    for line in shown.stdout.splitlines():
        site, _, rest = line.partition(" ")
        if rest.startswith("Debian ") and "security" not in line:
            return site
    for path in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        if path.is_file():
            for match in re.finditer(r"https?://\S+/debian\b", path.read_text(errors="replace")):
                return match[0]
    raise SetupError("apt on this machine knows no Debian mirror; set ODOO_HOME to an Odoo 19")


def _python_for_odoo() -> Path:
    """Return the Python of a virtual environment with what Odoo imports, made once per lock file."""
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"odoo-venv-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not (folder / "complete").is_file():
            _say("making Odoo's Python environment (a minute, once)")
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            _run([str(folder / "bin/pip"), "install", "--quiet", "--require-hashes", "-r", str(_REQUIREMENTS)], folder)
            (folder / "complete").touch()
    return folder / "bin/python"


class _locked:  # noqa: N801 - used like a function
    """Hold a file, so that two runs do not fetch the same thing side by side."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - commands of this module
    if done.returncode:
        raise SetupError(f"{' '.join(command[:2])} failed (exit code {done.returncode}):\n{(done.stderr or done.stdout)[-2000:]}")


def _say(text: str) -> None:
    print(f"[odoo] {text}", file=sys.stderr, flush=True)  # noqa: T201 - a person waits for this
