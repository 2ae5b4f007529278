#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace tidemark {
namespace {

// It cannot draw over what it shows.
bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) == "dumb";
}

}  // namespace

void StandardOutput::out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void StandardOutput::err(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool StandardOutput::is_live() const {
  return ::isatty(STDERR_FILENO) != 0 && !is_dumb();
}

int StandardOutput::page_lines() const {
  constexpr int usual = 24;
  if (::isatty(STDOUT_FILENO) == 0 || is_dumb()) return 0;
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return known ? size.ws_row : usual;
}

}  // namespace tidemark
