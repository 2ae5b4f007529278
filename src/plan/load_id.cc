#include "plan/load_id.h"

#include "drivers/hash/hash.h"

namespace tidemark {

// A text without NUL joins unambiguously with NUL.
std::string load_id_of(const StreamId& id, LoadKind kind, Seq seq, const std::string& what) {
  const std::string text = id.job.get() + '\0' + id.stream.get() + '\0' +
                           std::string(to_string(kind)) + '\0' + std::to_string(seq.get()) + '\0' +
                           what;
  return sha256_hex(text).substr(0, 32);
}

std::string window_text(const Window& window) {
  return (window.lo ? window.lo->text : "") + '\0' + (window.hi ? window.hi->text : "");
}

}  // namespace tidemark
