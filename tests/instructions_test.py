#!/usr/bin/env python3
"""The instructions of each kernel against bench/kernels/instructions.toml, and what bench/kernels/count says of others."""

import importlib.machinery
import importlib.util
import pathlib
import platform
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
COUNT = ROOT / "bench" / "kernels" / "count"


def counting():
    """bench/kernels/count as a module; it has no suffix, since it is a command."""
    loader = importlib.machinery.SourceFileLoader("kernel_count", str(COUNT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("kernel_count", loader))
    loader.exec_module(module)
    return module


@unittest.skipUnless(platform.machine() == "x86_64", "the counts are of x86-64")
class InstructionsTest(unittest.TestCase):
    def test_no_kernel_needs_more_than_it_did(self):
        done = subprocess.run([COUNT], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout)


class PlantedCountTest(unittest.TestCase):
    """The test above is worth something only if it sees a change."""

    def setUp(self):
        self.faults = counting().faults

    def test_equal_counts_and_small_changes_pass(self):
        self.assertEqual([], self.faults({"a": 100.0, "b": 7.5}, {"a": 102.9, "b": 7.5}))
        self.assertEqual([], self.faults({"a": 100.0}, {"a": 90.1}))

    def test_more_is_told_with_its_kernel_and_by_how_much(self):
        self.assertEqual(["b: 104.0 instructions, +4.0% from 100.0"],
                         self.faults({"a": 100.0, "b": 100.0}, {"a": 100.0, "b": 104.0}))

    def test_much_less_is_told_so_that_it_stays_so(self):
        self.assertEqual(["a: 80.0 instructions, -20.0% from 100.0: keep it so"],
                         self.faults({"a": 100.0}, {"a": 80.0}))

    def test_a_kernel_that_is_new_or_gone_is_told(self):
        self.assertEqual(["a: was not counted", "b: 5.0 instructions, and the file has none"],
                         self.faults({"a": 100.0}, {"b": 5.0}))


if __name__ == "__main__":
    unittest.main()
