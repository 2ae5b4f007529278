#!/usr/bin/env python3
"""The library that makes calls on files fail does what its header says, so that other tests may trust it.

The program is $TIDEMARK_BINARY, default build/dev/tidemark; the library stands beside it in tests/.
"""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from support.io_faults import calls_in, io_faults, is_built

# Writes `a`, `bb`, `ccc` into the file, syncs after each, and renames it; tells each result.
WRITER = """\
import os, sys
path = sys.argv[1]
def tell(call, *arguments):
    try:
        print(call.__name__, call(*arguments))
    except OSError as problem:
        print(call.__name__, -problem.errno)
file = os.open(path, os.O_WRONLY | os.O_CREAT)
for text in (b"a", b"bb", b"cccc"):
    tell(os.write, file, text)
    tell(os.fsync, file)
tell(os.pwrite, file, b"dddddd", 7)
tell(os.ftruncate, file, 10)
tell(os.rename, path, path + ".new")
tell(os.unlink, path + ".new")
"""
WHOLE = ["write 1", "fsync None", "write 2", "fsync None", "write 4", "fsync None", "pwrite 6", "ftruncate None",
         "rename None", "unlink None"]


@unittest.skipUnless(is_built(), "the library is built with the tests only")
class IoFaultsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-io-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = self.folder / "log"

    def write(self, code=0, script=WRITER, path="target", **faults):
        env = {**os.environ, **io_faults(path, log=self.log, **faults)}
        done = subprocess.run([sys.executable, "-c", script, str(self.folder / "target")], env=env, text=True,
                              capture_output=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout.splitlines()

    def calls(self):
        return [(call, result) for _, call, _, result, _ in calls_in(self.log)]

    def test_without_orders_it_counts(self):
        self.assertEqual(self.write(), WHOLE)
        self.assertEqual([call for call, _ in self.calls()],
                         ["open", "write", "sync", "write", "sync", "write", "sync", "write", "truncate", "rename",
                          "remove"])
        number, call, size, result, path = calls_in(self.log)[5]
        self.assertEqual((number, call, size, result, path), (6, "write", 4, 4, str(self.folder / "target")))

    def test_other_paths_and_other_calls_do_not_count(self):
        self.assertEqual(self.write(path="elsewhere", nth=1, do="EIO"), WHOLE)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.write(calls=["sync", "rename"]), WHOLE)
        self.assertEqual([call for call, _ in self.calls()], ["sync"] * 3 + ["rename"])
        self.log.unlink()
        self.write(path=["elsewhere", "target.new"])
        self.assertEqual([call for call, _ in self.calls()], ["rename", "remove"])

    def test_the_nth_call_fails_and_no_other(self):
        told = self.write(calls=["write"], nth=2, do="ENOSPC")
        self.assertEqual(told[:5], ["write 1", "fsync None", f"write -{errno.ENOSPC}", "fsync None", "write 4"])
        self.assertEqual(self.calls(), [("write", 1), ("write", -errno.ENOSPC), ("write", 4), ("write", 6)])
        for call, word in (("sync", "fsync"), ("truncate", "ftruncate"), ("rename", "rename"), ("remove", "unlink")):
            (self.folder / "target").unlink(missing_ok=True)
            told = self.write(calls=[call], nth=1, do="EIO")
            self.assertIn(f"{word} -{errno.EIO}", told)
            self.assertEqual(sum(f"-{errno.EIO}" in line for line in told), 1)

    def test_a_full_disk_stays_full(self):
        told = self.write(calls=["write"], nth=2, do="short", then="ENOSPC")
        self.assertEqual([line for line in told if "write" in line],
                         ["write 1", "write 1", f"write -{errno.ENOSPC}", f"pwrite -{errno.ENOSPC}"])

    def test_a_short_write_writes_half(self):
        self.write(calls=["write", "rename"], nth=3, do="short", then="EIO")
        self.assertEqual((self.folder / "target").read_bytes()[:5], b"abbcc")

    def test_kills_before_and_after_the_call(self):
        self.write(-signal.SIGKILL, calls=["write"], nth=3, do="kill_before")
        self.assertEqual((self.folder / "target").read_bytes(), b"abb")
        (self.folder / "target").unlink()
        self.write(-signal.SIGKILL, calls=["write"], nth=3, do="kill_after")
        self.assertEqual((self.folder / "target").read_bytes(), b"abbcccc")

    def test_of_many_threads_exactly_one_call_is_the_nth(self):
        script = """\
import os, sys, threading
failed = []
def work(at):
    file = os.open(sys.argv[1] + str(at), os.O_WRONLY | os.O_CREAT)
    for _ in range(200):
        try:
            os.write(file, b"x")
        except OSError:
            failed.append(at)
threads = [threading.Thread(target=work, args=(at,)) for at in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(failed))
"""
        self.assertEqual(self.write(script=script, calls=["write"], nth=777, do="EIO"), ["1"])
        numbers = [number for number, *_ in calls_in(self.log)]
        self.assertEqual(numbers, list(range(1, 1601)))


if __name__ == "__main__":
    unittest.main()
