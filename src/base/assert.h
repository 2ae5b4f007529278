// Asserts that stay on in release builds. They are for our own bugs only, one condition each; what
// a user, a source or a target can cause is an Error. A failed assert prints where and aborts.
#pragma once

namespace tidemark {

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace tidemark

#define TM_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::tidemark::assert_failed(#condition, __FILE__, __LINE__))
