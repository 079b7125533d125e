"""Seasons on a small Spark cluster on this machine, and on no cluster: the same bytes.

`scripts/test-spark` runs it. TARGET names a directory with the package, as `pip install --target` lays it out.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import pyspark

TARGET = Path(os.environ["TARGET"]).resolve()
BINARY = TARGET / "putback/bin/putback"
SEASONS = ["2021-22", "2022-23", "2023-24"]
SPAN = f"{SEASONS[0]}..{SEASONS[-1]}"
EPOCH = "1700000000"
# Nothing is written when two runs do the same, except which process did it and when.
PROCESS_FILES = {"lock", "readers"}


def files(root: Path) -> dict[str, bytes]:
    """Month files, manifests and records of a store or a target."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if path.is_file() and name.parts[0] != "runs" and path.name not in PROCESS_FILES:
            found[str(name)] = without_memory(path) if str(name) == "phase3/manifest.json" else path.read_bytes()
    return found


def without_memory(manifest: Path) -> bytes:
    """A manifest without what it remembers of the warehouse's files, which depends on how old they were."""
    content = json.loads(manifest.read_bytes())
    del content["checksum"]
    for table in content["tables"].values():
        table.pop("source_files", None)
    return json.dumps(content).encode()


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = Path(scratch.name).resolve()
        seasons = [word for season in SEASONS for word in ("--season", season)]
        cls.putback("bench-generate", "--dir", "warehouse", "--seed", "1", "--scale", "1", *seasons)
        cls.expected = cls.one_machine()

    @classmethod
    def environment(cls) -> dict[str, str]:
        home = cls.dir / "spark-home"
        if not home.exists():
            home.mkdir()
            for part in ("bin", "jars", "sbin", "python"):
                source = Path(pyspark.__file__).parent / part
                if source.exists():
                    (home / part).symlink_to(source)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME", "LANG") if name in os.environ}
        return kept | {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(TARGET),
            "SOURCE_DATE_EPOCH": EPOCH,
            "PYTHONWARNINGS": "ignore",
        }

    @classmethod
    def putback(cls, *words: str, accept: tuple[int, ...] = (0,)) -> None:
        done = subprocess.run([BINARY, *words], cwd=cls.dir, env=cls.environment(), capture_output=True, text=True)
        if done.returncode not in accept:
            raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}")

    @classmethod
    def one_machine(cls) -> dict[str, dict[str, bytes]]:
        store = ["--store", "alone"]
        cls.putback("sync", *store, "--season", SPAN, "--warehouse", f"dir:{cls.dir}/warehouse")
        cls.putback("compute", *store, "--season", SPAN, accept=(0, 3))
        cls.putback("validate", *store, "--season", SPAN, accept=(0, 4))
        cls.putback("upload", *store, "--season", SPAN, "--to", f"dir:{cls.dir}/alone-published", accept=(0, 3, 4))
        return {"store": files(cls.dir / "alone"), "published": files(cls.dir / "alone-published")}

    def cluster(self, name: str, executors: int, watch=None) -> str:
        """Runs the launcher. Returns what it said on standard error."""
        local = [f"spark.driver.{key}=127.0.0.1" for key in ("host", "bindAddress")]
        local += ["spark.ui.enabled=false", f"spark.executorEnv.PYTHONPATH={TARGET}"]
        words = [sys.executable, "-m", "putback.spark", "--season", SPAN, "--warehouse", f"dir:{self.dir}/warehouse"]
        words += ["--units", f"{name}-units", "--store", name, "--to", f"dir:{self.dir}/{name}-published"]
        words += ["--scratch", str(self.dir / f"{name}-scratch"), "--master", f"local-cluster[{executors},1,1024]"]
        words += [word for setting in local for word in ("--conf", setting)]
        log = self.dir / f"{name}.log"
        with log.open("w") as sink:
            process = subprocess.Popen(words, cwd=self.dir, env=self.environment(), stdout=sink, stderr=subprocess.STDOUT)
            watcher = threading.Thread(target=watch, args=(process,)) if watch else None
            if watcher:
                watcher.start()
            status = process.wait(timeout=600)
            if watcher:
                watcher.join()
        said = log.read_text()
        self.assertIn(status, (0, 3, 4), said[-8000:])
        return said

    def assert_same(self, name: str) -> None:
        for what, root in (("store", self.dir / name), ("published", self.dir / f"{name}-published")):
            expected, found = self.expected[what], files(root)
            self.assertGreater(len(expected), 100)
            self.assertEqual(sorted(expected), sorted(found))
            different = [file for file, data in expected.items() if found[file] != data]
            self.assertEqual(different, [])
        self.assertEqual([path.name for path in (self.dir / f"{name}-units").iterdir() if path.name.startswith(".")], [])

    def test_two_executors_give_the_bytes_of_one_machine(self) -> None:
        said = self.cluster("two", 2)
        self.assert_same("two")
        self.assertEqual(re.findall(r"(\d{4}-\d\d): status \d, attempt (\d)", said), [(season, "0") for season in SEASONS])

    def test_a_killed_executor_changes_nothing(self) -> None:
        killed = []

        def kill(process: subprocess.Popen) -> None:
            scratch = self.dir / "killed-scratch"
            while process.poll() is None and not killed:
                time.sleep(0.05)
                # An attempt is at work once its store is there.
                if any(scratch.glob("putback-*/store/phase3")):
                    executors = executors_below(process.pid)
                    if executors:
                        os.kill(executors[0], signal.SIGKILL)
                        killed.append(executors[0])

        said = self.cluster("killed", 2, kill)
        self.assertEqual(len(killed), 1)
        self.assertIn("attempt 1", said)
        self.assert_same("killed")
        left = list((self.dir / "killed-scratch").iterdir())
        self.assertLessEqual(len(left), 1, "only the killed attempt leaves its scratch directory")

    def test_a_unit_that_cannot_be_computed_is_told_and_nothing_is_merged(self) -> None:
        shutil.copytree(self.dir / "warehouse", self.dir / "broken")
        (self.dir / "broken/nba_raw.nbac_schedule.parquet").unlink()
        environment = self.environment()
        words = [sys.executable, "-m", "putback.spark", "--season", SEASONS[0], "--warehouse", f"dir:{self.dir}/broken"]
        words += ["--units", "broken-units", "--store", "broken-store", "--master", "local[1]", "--conf", "spark.ui.enabled=false"]
        done = subprocess.run(words, cwd=self.dir, env=environment, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 5, done.stderr[-4000:])
        self.assertIn("nba_raw.nbac_schedule", done.stderr)
        self.assertFalse((self.dir / "broken-store").exists())


def executors_below(pid: int) -> list[int]:
    """The executors of a driver: Java processes of its group of descendants."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    processes = [line.split(None, 2) for line in listed.splitlines()]
    below, grows = {pid}, True
    while grows:
        more = {int(process) for process, parent, _ in processes if int(parent) in below} - below
        grows = bool(more)
        below |= more
    is_executor = "CoarseGrainedExecutorBackend"
    return [int(process) for process, _, command in processes if int(process) in below and is_executor in command]


if __name__ == "__main__":
    unittest.main()
