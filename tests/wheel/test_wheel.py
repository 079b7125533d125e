"""A wheel in fresh environments: no toolchain, no caches, no library path. `scripts/test-wheel` runs it.

WHEEL names the wheel. PORTABLE=1: it is one to hand out, and may need nothing of the machine that built it.
"""

import base64
import csv
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

WHEEL = Path(os.environ["WHEEL"]).resolve()
IS_PORTABLE = os.environ.get("PORTABLE") == "1"
TOOLS = Path(sys.prefix) / "bin"
ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 40_000_000


class Sandbox:
    """A directory, and processes that see nothing else of the user."""

    def __init__(self, case: unittest.TestCase) -> None:
        scratch = tempfile.TemporaryDirectory()
        case.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name).resolve()
        self.home = self.dir / "home"
        self.home.mkdir()

    def run(self, *words: object, **variables: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "UV_PYTHON_DOWNLOADS": "never"} | variables
        done = subprocess.run(
            [str(word) for word in words], cwd=self.dir, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def target(self) -> Path:
        """The package as `pip install --target` lays it out."""
        target = self.dir / "target"
        self.run(sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", target, WHEEL)
        return target


def library_of(sandbox: Sandbox, binary: Path) -> Path:
    """The DuckDB library that the loader finds for a binary."""
    if platform.system() == "Darwin":
        listed = sandbox.run(binary, "--version", DYLD_PRINT_LIBRARIES="1")
        found = re.search(r"(/\S*libduckdb\.dylib)", listed)
    else:
        listed = sandbox.run("ldd", binary)
        found = re.search(r"libduckdb\.so => (\S+)", listed)
    assert found, listed
    return Path(found.group(1)).resolve()


def assert_runs(sandbox: Sandbox, *words: object, **variables: str) -> None:
    """The whole path for what is handed out; everyday, that the binary starts."""
    if IS_PORTABLE:
        shown = sandbox.run(*words, "demo", **variables)
        assert "complete" in shown, shown
    shown = sandbox.run(*words, "--version", **variables)
    assert re.match(r"putback \d", shown), shown


class Contents(unittest.TestCase):
    def test_the_record_has_every_file_and_its_hash(self) -> None:
        with zipfile.ZipFile(WHEEL) as archive:
            files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
            mode = archive.getinfo("putback/bin/putback").external_attr >> 16
        record = next(name for name in files if name.endswith(".dist-info/RECORD"))
        rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(files[record].decode()))}
        self.assertEqual(set(rows), set(files))
        for name, data in files.items():
            if name != record:
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                self.assertEqual(rows[name], (f"sha256={digest}", str(len(data))), name)
        self.assertEqual(mode & 0o777, 0o755)

    def test_the_same_input_gives_the_same_wheel(self) -> None:
        sandbox = Sandbox(self)
        with zipfile.ZipFile(WHEEL) as archive:
            binary = archive.extract("putback/bin/putback", sandbox.dir)
        packed = [ROOT / "scripts/wheel", "--binary", binary, "--out"]
        pack = lambda out: subprocess.run([sys.executable, *packed, sandbox.dir / out], check=True, capture_output=True, text=True)
        first, second = (Path(pack(out).stdout.strip()).read_bytes() for out in ("first", "second"))
        self.assertEqual(first, second)

    @unittest.skipUnless(IS_PORTABLE, "a wheel of this machine")
    def test_it_is_small_and_holds_no_path_of_its_builder(self) -> None:
        self.assertLess(WHEEL.stat().st_size, MOST_BYTES)
        with zipfile.ZipFile(WHEEL) as archive:
            binary = archive.read("putback/bin/putback")
        cargo_home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
        for path in (cargo_home, str(ROOT), str(Path.home() / ".cache")):
            self.assertNotIn(path.encode(), binary)

    @unittest.skipUnless(IS_PORTABLE and platform.system() == "Linux", "a wheel of this machine")
    def test_it_runs_on_the_systems_of_its_tag(self) -> None:
        from elftools.elf.elffile import ELFFile

        shown = Sandbox(self).run(TOOLS / "auditwheel", "show", WHEEL, PATH=f"{TOOLS}:/usr/bin:/bin")
        promised = re.search(r"manylinux_2_28_\w+", WHEEL.name)
        assert promised
        self.assertIn(promised.group(0), shown)
        with zipfile.ZipFile(WHEEL) as archive:
            binary = ELFFile(io.BytesIO(archive.read("putback/bin/putback")))
        tags = list(binary.get_section_by_name(".dynamic").iter_tags())
        paths = [tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"]
        paths += [tag.rpath for tag in tags if tag.entry.d_tag == "DT_RPATH"]
        self.assertEqual(paths, ["$ORIGIN"])


class Installed(unittest.TestCase):
    def test_pip_installs_it_into_an_environment(self) -> None:
        sandbox = Sandbox(self)
        environment = sandbox.dir / "environment"
        sandbox.run(sys.executable, "-m", "venv", environment)
        sandbox.run(environment / "bin/pip", "install", "-q", "--no-index", WHEEL)
        command = environment / "bin/putback"
        assert_runs(sandbox, command)
        binary = next(environment.glob("lib/python3.*/site-packages/putback/bin/putback"))
        self.assertEqual(library_of(sandbox, binary).parent, binary.parent.resolve())
        missing = subprocess.run([command, "status"], cwd=sandbox.home, env={}, capture_output=True, check=False)
        self.assertEqual(missing.returncode, 5, "the launcher hands on the exit status")
        sandbox.run(environment / "bin/pip", "uninstall", "-q", "-y", "putback")
        self.assertFalse(command.exists() or binary.exists())

    def test_pip_installs_it_into_a_directory(self) -> None:
        sandbox = Sandbox(self)
        target = sandbox.target()
        shutil.move(target, sandbox.dir / "moved")
        moved = sandbox.dir / "moved"
        assert_runs(sandbox, sys.executable, "-m", "putback", PYTHONPATH=str(moved))
        assert_runs(sandbox, moved / "bin/putback", PYTHONPATH=str(moved))
        self.assertEqual(library_of(sandbox, moved / "putback/bin/putback").parent, moved / "putback/bin")

    def test_uvx_runs_it(self) -> None:
        sandbox = Sandbox(self)
        assert_runs(sandbox, TOOLS / "uvx", "--offline", "--python", sys.executable, "--from", WHEEL, "putback")


USE = '''
import putback, sys
from datetime import date
store = "putback-demo/store"
status = putback.run(["status", "--store", store, "--year", "2024"])
rows = next(row["rows"] for row in status["rows"] if row["processor"] == "MLFS")
table = putback.features(store).to_table(columns=["game_date", "player_lookup", "features"])
of_year = [day for day in table.column("game_date").to_pylist() if day.year == 2024]
assert len(of_year) == rows > 0, (len(of_year), rows)
zones = putback.features(store, "nba_precompute.team_defense_zone_analysis")
assert zones.count_rows() > 0
for words, status in [(["status", "--store", "nowhere"], 5), (["no-such-command"], 2)]:
    try:
        putback.run(words)
    except putback.Failed as failed:
        assert (failed.status, failed.result) == (status, None) and failed.messages, failed
    else:
        raise AssertionError(words)
try:
    putback.features(store, "no_such_table")
except putback.Failed as failed:
    assert "no_such_table" in failed.messages
assert putback.run(["no-such-command"], accept=[2]) is None
compared = ["diff", "--store", store, "--with", "store:other", "--date", "2024-01-15"]
try:
    putback.run(compared)
except putback.Failed as failed:
    assert failed.status != 0
print("used")
'''


class Module(unittest.TestCase):
    def test_python_gets_results_and_datasets(self) -> None:
        sandbox = Sandbox(self)
        target = str(sandbox.target())
        sandbox.run(sys.executable, "-m", "putback", "-q", "demo", PYTHONPATH=target)
        self.assertEqual(sandbox.run(sys.executable, "-c", USE, PYTHONPATH=target), "used\n")


if __name__ == "__main__":
    unittest.main()
