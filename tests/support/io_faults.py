"""Makes calls on files fail in a program under test; io_faults.cc says what the words mean."""

import pathlib

from support.project import BINARY

LIBRARY = BINARY.parent / "tests" / "libio_faults.so"


def is_built():
    return LIBRARY.is_file()


def io_faults(path, calls=(), nth=None, do=None, then=None, log=None):
    """The environment of a program whose calls on `path` (a text, or several) are counted, and one of them broken."""
    env = {"LD_PRELOAD": str(LIBRARY), "IO_FAULTS_PATH": path if isinstance(path, str) else "|".join(path)}
    for name, value in (("CALLS", ",".join(calls)), ("NTH", nth), ("DO", do), ("THEN", then), ("LOG", log)):
        if value:
            env["IO_FAULTS_" + name] = str(value)
    return env


def calls_in(log):
    """[(number, call, bytes, result, path)] of a log, in the order of the calls."""
    path = pathlib.Path(log)
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        number, call, size, result, of = line.split(" ", 4)
        found.append((int(number), call, int(size), int(result), of))
    return sorted(found)
