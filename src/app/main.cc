#include <cstdio>

#include "base/version.h"

int main() {
  std::printf("tidemark %.*s\n", static_cast<int>(tidemark::version_text.size()), tidemark::version_text.data());
}
