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

// Of the terminal behind stdout; nothing where it is none.
winsize size_of_page() {
  if (::isatty(STDOUT_FILENO) == 0 || is_dumb()) return {};
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  if (!known || size.ws_row == 0) size.ws_row = 24;
  if (!known || size.ws_col == 0) size.ws_col = 80;
  return size;
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
  return size_of_page().ws_row;
}

int StandardOutput::page_columns() const {
  return size_of_page().ws_col;
}

}  // namespace tidemark
