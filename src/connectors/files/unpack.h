// Unpacking of gzip and zstd, over the libraries that are on the machine. Private to this folder.
//
// zlib and libzstd are loaded when the first packed file is read: both belong to the base of every
// Debian, and a job of plain files does not pay for them. An Unpacker belongs to one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace tidemark {

enum class Packing { gzip, zstd };

// What one step used and made.
struct Unpacked {
  std::size_t used = 0;
  std::size_t made = 0;
  bool frame_ended = false;  // the input may end here, or another frame follows
};

class Unpacker {
 public:
  virtual ~Unpacker() = default;
  // Unpacks some of `from` into `into`. The Error has no file name yet.
  virtual Result<Unpacked> step(std::string_view from, char* into, std::size_t size) = 0;
};

Result<std::unique_ptr<Unpacker>> make_unpacker(Packing packing);

}  // namespace tidemark
