#include "cli/output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace tidemark {

void StandardOutput::out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void StandardOutput::err(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool StandardOutput::is_live() const {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return ::isatty(STDERR_FILENO) != 0 && !dumb;
}

}  // namespace tidemark
