// ByteStream: the bytes of a file, unpacked where it is gzip or zstd (told by its first bytes, not
// its name).
//
// One object reads one file once, from one thread. Blocking. A damaged or cut compressed file is
// `source.bad_compression` and names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace tidemark {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Up to `size` bytes; 0 means the end.
  virtual Result<std::size_t> read(char* into, std::size_t size) = 0;
  // Moves on by so many bytes, of those that read() would give. False: they have to be read.
  virtual Result<bool> skip(std::int64_t) { return false; }
  // `shown` is the file's name in messages.
  static Result<std::unique_ptr<ByteStream>> open(const std::filesystem::path& path,
                                                  const std::string& shown);
};

}  // namespace tidemark
