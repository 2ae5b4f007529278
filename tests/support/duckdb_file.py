"""Reads and writes DuckDB files through the engine's own library, beside Tidemark and without it.

What a test finds here was not told by the program under test. One file is open only inside `with`, because no other
process can open it meanwhile.
"""

import ctypes
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = ROOT / ".deps" / "duckdb" / "lib" / "libduckdb.so"


class DuckdbError(Exception):
    """What the engine said."""


class _Result(ctypes.Structure):
    _fields_ = [("count", ctypes.c_uint64 * 3), ("columns", ctypes.c_void_p), ("error", ctypes.c_void_p),
                ("internal", ctypes.c_void_p)]


def _load():
    library = ctypes.CDLL(str(LIBRARY))
    handle, result, text = ctypes.c_void_p, ctypes.POINTER(_Result), ctypes.c_char_p
    for name, arguments, answer in [
            ("duckdb_open", [text, ctypes.POINTER(handle)], ctypes.c_int),
            ("duckdb_close", [ctypes.POINTER(handle)], None),
            ("duckdb_connect", [handle, ctypes.POINTER(handle)], ctypes.c_int),
            ("duckdb_disconnect", [ctypes.POINTER(handle)], None),
            ("duckdb_query", [handle, text, result], ctypes.c_int),
            ("duckdb_destroy_result", [result], None),
            ("duckdb_result_error", [result], text),
            ("duckdb_column_count", [result], ctypes.c_uint64),
            ("duckdb_column_name", [result, ctypes.c_uint64], text),
            ("duckdb_row_count", [result], ctypes.c_uint64),
            ("duckdb_value_varchar", [result, ctypes.c_uint64, ctypes.c_uint64], handle),
            ("duckdb_free", [handle], None)]:
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, answer
    return library


def quote_name(name):
    return '"' + name.replace('"', '""') + '"'


class DuckdbFile:
    """One database; ":memory:" for one that leaves nothing behind."""

    _library = None

    def __init__(self, path=":memory:"):
        DuckdbFile._library = DuckdbFile._library or _load()
        self._path = str(path)
        self._database = ctypes.c_void_p()
        self._connection = ctypes.c_void_p()

    def __enter__(self):
        if self._library.duckdb_open(self._path.encode(), ctypes.byref(self._database)) != 0:
            raise DuckdbError(f"{self._path} cannot be opened")
        self._library.duckdb_connect(self._database, ctypes.byref(self._connection))
        self.rows("SET threads = 1")
        return self

    def __exit__(self, *_):
        self._library.duckdb_disconnect(ctypes.byref(self._connection))
        self._library.duckdb_close(ctypes.byref(self._database))

    def answer(self, sql):
        """(names, rows) of one statement; each value is the text the engine gives it, or None."""
        result = _Result()
        try:
            if self._library.duckdb_query(self._connection, sql.encode(), ctypes.byref(result)) != 0:
                said = self._library.duckdb_result_error(ctypes.byref(result)) or b"no message"
                raise DuckdbError(said.decode(errors="replace"))
            columns = range(self._library.duckdb_column_count(ctypes.byref(result)))
            names = [self._library.duckdb_column_name(ctypes.byref(result), at).decode() for at in columns]
            count = self._library.duckdb_row_count(ctypes.byref(result))
            return names, [[self._value(result, at, row) for at in columns] for row in range(count)]
        finally:
            self._library.duckdb_destroy_result(ctypes.byref(result))

    def rows(self, sql):
        return self.answer(sql)[1]

    def table(self, sql):
        """(names, types, rows) of a query, its values cast to text by the engine."""
        described = self.rows("DESCRIBE " + sql)
        names = [row[0] for row in described]
        texts = ", ".join("CAST({} AS VARCHAR)".format(quote_name(name)) for name in names)
        rows = self.rows(f"SELECT {texts} FROM (SELECT * FROM ({sql}) ORDER BY ALL)")
        return names, [row[1] for row in described], rows

    def _value(self, result, column, row):
        pointer = self._library.duckdb_value_varchar(ctypes.byref(result), column, row)
        if not pointer:
            return None
        try:
            return ctypes.string_at(pointer).decode()
        finally:
            self._library.duckdb_free(pointer)
