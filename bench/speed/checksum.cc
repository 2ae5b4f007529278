// checksum: one line that says what a table holds, the same for the same rows wherever they are.
//
//   checksum postgres TABLE|SELECT [--char-blanks=ignore]
//   checksum duckdb FILE TABLE|SELECT
//   checksum parquet FILE|FOLDER
//   checksum count duckdb FILE TABLE|SELECT
//   checksum count parquet FILE|FOLDER
//
// `count` prints how many rows there are, and reads none of them.
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
    std::printf("%s\n", duckdb_sum("", parquet_select(words[1])).c_str());
  } else if (is("count", 4) && words[1] == "duckdb") {
    std::printf("%lld\n", static_cast<long long>(duckdb_count(words[2], words[3])));
  } else if (is("count", 3) && words[1] == "parquet") {
    std::printf("%lld\n", static_cast<long long>(duckdb_count("", parquet_select(words[2]))));
  } else {
    std::fprintf(stderr,
                 "usage: checksum postgres TABLE|SELECT [--char-blanks=ignore]\n"
                 "       checksum duckdb FILE TABLE|SELECT\n"
                 "       checksum parquet FILE|FOLDER\n"
                 "       checksum count duckdb FILE TABLE|SELECT\n"
                 "       checksum count parquet FILE|FOLDER\n");
    return 2;
  }
  return 0;
}
