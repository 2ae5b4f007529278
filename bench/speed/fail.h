// How the programs of this folder end when they cannot go on: with a message and exit 1. What they
// could still do would measure something else.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tidemark::bench {

[[noreturn]] inline void fail(const std::string& why) {
  std::fflush(stdout);
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

// A name of a table is short for all of it.
inline std::string select_of(const std::string& table_or_select) {
  return table_or_select.starts_with("select ") ? table_or_select
                                                : "select * from " + table_or_select;
}

}  // namespace tidemark::bench
