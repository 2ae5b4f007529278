#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace tidemark {

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tidemark: bug: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace tidemark
