// checksum: one line that says what a table holds, the same for the same rows wherever they are.
//
//   checksum postgres TABLE|SELECT [--char-blanks=ignore]
//   checksum duckdb FILE TABLE|SELECT
//   checksum parquet FILE|FOLDER
//
// With --char-blanks=ignore the values of char(n) count without the blanks that PostgreSQL pads
// them with, to compare with who leaves them away; a second line says so.
#include <string>
#include <vector>

#include "duckdb_rows.h"
#include "fail.h"
#include "postgres_rows.h"

using namespace tidemark::bench;

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  const auto is = [&](const char* what, std::size_t length) {
    return words.size() == length && words[0] == what;
  };
  if (is("postgres", 2)) {
    std::printf("%s\n", postgres_sum(words[1], CharBlanks::keep).c_str());
  } else if (is("postgres", 3) && words[2] == "--char-blanks=ignore") {
    std::printf("%s\nblanks at the end of char(n) are ignored\n",
                postgres_sum(words[1], CharBlanks::ignore).c_str());
  } else if (is("duckdb", 3)) {
    std::printf("%s\n", duckdb_sum(words[1], words[2]).c_str());
  } else if (is("parquet", 2)) {
    std::printf("%s\n", parquet_sum(words[1]).c_str());
  } else {
    std::fprintf(stderr,
                 "usage: checksum postgres TABLE|SELECT [--char-blanks=ignore]\n"
                 "       checksum duckdb FILE TABLE|SELECT\n"
                 "       checksum parquet FILE|FOLDER\n");
    return 2;
  }
  return 0;
}
