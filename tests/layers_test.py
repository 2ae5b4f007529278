#!/usr/bin/env python3
"""Reads every #include of src/ and holds the order of ARCHITECTURE: a file includes its own folder and
strictly lower layers, and each outside library is known to one folder. Also holds file lengths, and that
every folder is built. Run by `make check` and `make test`.
"""

import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# From the bottom up; folders of one layer do not know each other. `x/*` is every folder below x, each its own.
LAYERS = [
    ["base"],
    ["model", "env", "observe"],
    ["drivers/*"],
    ["spec", "store"],
    ["connect", "access"],
    ["connect/conformance"],
    ["connectors/*", "transform", "quality", "stage"],
    ["plan"],
    ["run"],
    ["schedule", "verify"],
    ["telemetry", "alert"],
    ["api"],
    ["cli"],
    ["app"],
]

# A header, or all headers below a path that ends with a slash, and the one folder that may include it.
LIBRARIES = {
    "duckdb.h": "drivers/duckdb",
    "duckdb.hpp": "nowhere",
    "duckdb_extension.h": "drivers/duckdb",
    "libpq-fe.h": "drivers/postgres",
    "libpq/": "drivers/postgres",
    "mysql.h": "drivers/mysql",
    "errmsg.h": "drivers/mysql",
    "hiredis/": "drivers/redis",
    "hiredis.h": "drivers/redis",
    "sqlite3.h": "drivers/sqlite",
    "yaml-cpp/": "drivers/yaml",
    "nlohmann/": "drivers/json",
    "xxhash.h": "drivers/hash",
    "openssl/ssl.h": "drivers/http",
    "openssl/err.h": "drivers/http",
    "openssl/x509v3.h": "drivers/http",
    "openssl/": "drivers/hash",
    "prometheus/": "drivers/prometheus",
    "sodium.h": "drivers/sodium",
    "curl/": "drivers/smtp",
    "absl/": "drivers/zone",
    "CLI/": "cli",
}

# What only tests, benchmarks, fuzzers and the shared test folder may include.
TEST_ONLY = ("gtest/", "gmock/", "benchmark/", "valgrind/", "connect/conformance/")
TEST_FILE = re.compile(r"(_test|_fuzz|_bench)\.(cc|h)$")

LENGTH_MAX = 600
LENGTH_FOLDERS = ("src", "tests", "tools", "cmake", "bench", "examples")
LENGTH_SUFFIXES = {".h", ".cc", ".py", ".cmake", ".sh", ".js", ".ts", ".css", ""}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def folder_of(path):
    """The folder of the layer table that a path below src/ belongs to, and its layer; (None, None) if none."""
    parts = path.split("/")[:-1]
    for depth in range(len(parts), 0, -1):
        name = "/".join(parts[:depth])
        for layer, folders in enumerate(LAYERS):
            if name in folders or (depth == 2 and f"{parts[0]}/*" in folders):
                return name, layer
    return None, None


def library_owner(header):
    for pattern, owner in LIBRARIES.items():
        if header == pattern or (pattern.endswith("/") and header.startswith(pattern)):
            return owner
    return None


def include_fault(path, quoted, header):
    """What is wrong with one include of the file src/<path>, or None."""
    folder, layer = folder_of(path)
    if folder is None:
        return "stands in no folder of the layer table"
    owner = library_owner(header)
    if owner is not None and owner != folder:
        return f"only src/{owner} may include it"
    is_test = TEST_FILE.search(path) or folder == "connect/conformance"
    if header.startswith(TEST_ONLY) and not is_test:
        return "only tests may include it"
    if not quoted or owner is not None:
        return None
    if header.startswith(".") or "/" not in header:
        return "write the path from src/"
    target, target_layer = folder_of(header)
    if target is None:
        return "is in no folder of the layer table"
    if target == folder or target_layer < layer:
        return None
    direction = "sideways" if target_layer == layer else "upward"
    return f"points {direction}, from {folder} (layer {layer}) to {target} (layer {target_layer})"


def include_faults(root):
    faults = []
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in (".h", ".cc"):
            continue
        path = file.relative_to(root / "src").as_posix()
        if folder_of(path)[0] is None:
            faults.append(f"src/{path}: stands in no folder of the layer table")
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if found := INCLUDE.match(line):
                if fault := include_fault(path, found[1] == '"', found[2]):
                    faults.append(f"src/{path}:{number}: #include {found[2]}: {fault}")
    return faults


def length_faults(root):
    faults = []
    for folder in LENGTH_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if not file.is_file() or file.suffix not in LENGTH_SUFFIXES or "__pycache__" in file.parts:
                continue
            lines = file.read_bytes().count(b"\n")
            if lines > LENGTH_MAX:
                faults.append(f"{file.relative_to(root)}: {lines} lines, more than {LENGTH_MAX}")
    return faults


def unbuilt_folders(root):
    """Folders with sources that cmake/folders.cmake does not name: they would be left out in silence."""
    listed = set(re.findall(r"^tidemark_folder\(([a-z/_]+)", (root / "cmake/folders.cmake").read_text(), re.M))
    present = {file.parent.relative_to(root / "src").as_posix() for file in (root / "src").rglob("*.cc")}
    return sorted(present - listed)


class LayersTest(unittest.TestCase):
    def test_includes_point_down(self):
        self.assertEqual("", "\n".join(include_faults(ROOT)))

    def test_files_are_short(self):
        self.assertEqual("", "\n".join(length_faults(ROOT)))

    def test_every_folder_is_built(self):
        self.assertEqual([], unbuilt_folders(ROOT), "not in cmake/folders.cmake")


class PlantedFaultTest(unittest.TestCase):
    """The tests above are worth something only if they see a fault."""

    def faults(self, path, text):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "src" / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
            return include_faults(pathlib.Path(folder))

    def assert_fault(self, path, include, expected):
        faults = self.faults(path, f"#pragma once\n\n#include {include}\n")
        self.assertEqual(1, len(faults), f"src/{path} with #include {include}")
        self.assertIn(f"src/{path}:3: ", faults[0])
        self.assertIn(expected, faults[0])

    def assert_clean(self, path, include):
        self.assertEqual([], self.faults(path, f"#include {include}\n"))

    def test_upward_include_is_seen(self):
        self.assert_fault("base/error.h", '"model/batch.h"', "points upward")
        self.assert_fault("connect/sink.h", '"run/run.h"', "points upward")
        self.assert_fault("drivers/duckdb/chunk.h", '"spec/job.h"', "points upward")

    def test_sideways_include_is_seen(self):
        self.assert_fault("model/batch.h", '"env/clock.h"', "points sideways")
        self.assert_fault("drivers/duckdb/chunk.h", '"drivers/hash/hash.h"', "points sideways")
        self.assert_fault("connectors/files/source.cc", '"connectors/duckdb/sink.h"', "points sideways")
        self.assert_fault("connectors/files/source.cc", '"stage/stage.h"', "points sideways")

    def test_foreign_library_is_seen(self):
        self.assert_fault("stage/stage.cc", '"duckdb.h"', "only src/drivers/duckdb")
        self.assert_fault("store/store.cc", "<sqlite3.h>", "only src/drivers/sqlite")
        self.assert_fault("spec/job.h", "<nlohmann/json_fwd.hpp>", "only src/drivers/json")
        self.assert_fault("api/serve.cc", "<CLI/CLI.hpp>", "only src/cli")

    def test_test_header_in_a_product_file_is_seen(self):
        self.assert_fault("base/error.cc", "<gtest/gtest.h>", "only tests")
        self.assert_fault("connectors/files/sink.cc", '"connect/conformance/suite.h"', "only tests")

    def test_relative_path_is_seen(self):
        self.assert_fault("base/error.cc", '"error.h"', "from src/")
        self.assert_fault("base/error.cc", '"../model/batch.h"', "from src/")

    def test_unknown_folder_is_seen(self):
        self.assertEqual(1, len(self.faults("misc/thing.h", "#pragma once\n")))
        self.assert_fault("base/error.cc", '"misc/thing.h"', "no folder of the layer table")

    def test_right_includes_pass(self):
        self.assert_clean("base/error.cc", '"base/error.h"')
        self.assert_clean("base/error.cc", "<vector>")
        self.assert_clean("drivers/duckdb/chunk.cc", '"duckdb.h"')
        self.assert_clean("spec/job.cc", '"drivers/yaml/document.h"')
        self.assert_clean("connectors/files/source_test.cc", '"connect/conformance/suite.h"')
        self.assert_clean("connectors/files/source_test.cc", "<gtest/gtest.h>")
        self.assert_clean("app/registrations.cc", '"connectors/files/source.h"')

    def test_long_file_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src/base").mkdir(parents=True)
            (root / "src/base/right.h").write_text("\n" * LENGTH_MAX)
            (root / "src/base/long.h").write_text("\n" * (LENGTH_MAX + 1))
            self.assertEqual(1, len(length_faults(root)))

    def test_unbuilt_folder_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("src/base", "src/lost", "cmake"):
                (root / name).mkdir(parents=True)
            (root / "src/base/a.cc").touch()
            (root / "src/lost/b.cc").touch()
            (root / "cmake/folders.cmake").write_text("tidemark_folder(base)\n")
            self.assertEqual(["lost"], unbuilt_folders(root))


if __name__ == "__main__":
    unittest.main()
