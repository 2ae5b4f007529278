"""tools/bind-symbols: what it changes in the engine's library, and what it refuses to touch."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ROOT / ".deps" / "duckdb" / "lib" / "libduckdb.so"


def bind(*paths):
    return subprocess.run([ROOT / "tools" / "bind-symbols", *paths], capture_output=True, text=True, check=False)


class BindSymbolsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-bind-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_the_engine_is_bound_and_stays_so(self):
        again = self.folder / "again.so"
        done = bind(LIBRARY, again)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(again.read_bytes(), LIBRARY.read_bytes())
        bound, of = (int(word) for word in (done.stdout.split()[0], done.stdout.split()[2]))
        self.assertGreater(bound, 0.9 * of)

    def test_a_bound_library_works_like_the_one_before(self):
        source = self.folder / "l.cc"
        source.write_text("""
            #include <stdexcept>
            struct Base { virtual ~Base() = default; virtual int value() { return 1; } };
            struct Derived : Base { int value() override { return 41; } };
            int helper(int x) { if (x < 0) throw std::out_of_range("negative"); return x + 1; }
            int (*pointer)(int) = helper;
            extern "C" int answer() { Derived d; Base* b = &d; return pointer(b->value()); }
            extern "C" int caught() { try { return pointer(-1); } catch (const std::exception&) { return 7; } }
            """)
        user = self.folder / "u.cc"
        user.write_text('extern "C" int answer(); extern "C" int caught();\n'
                        "int main() { return answer() == 42 && caught() == 7 ? 0 : 1; }\n")
        library = self.folder / "libl.so"
        subprocess.run(["g++", "-shared", "-fPIC", "-O0", source, "-o", library], check=True)
        subprocess.run(["g++", user, "-o", self.folder / "u", library, f"-Wl,-rpath,{self.folder}"], check=True)
        before = library.read_bytes()
        done = bind(library)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(library.read_bytes(), before)
        self.assertEqual(len(library.read_bytes()), len(before))
        subprocess.run([self.folder / "u"], check=True)

    def test_another_file_is_left_as_it_is(self):
        text = self.folder / "text.so"
        text.write_text("no library")
        done = bind(text)
        self.assertEqual(done.returncode, 1)
        self.assertIn("this is no 64-bit x86 ELF file", done.stderr)
        self.assertEqual(text.read_text(), "no library")


if __name__ == "__main__":
    unittest.main()
