// Hashes: XXH3 (128 bits) for "is this still the same file", SHA-256 for "can nobody have forged
// it".
//
// Xxh3 and Sha256 take bytes piece by piece; one object belongs to one thread, is move-only, and is
// empty after `finish`. Results are lower-case hexadecimal. The functions are pure and safe from
// any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"

namespace tidemark {

class Xxh3 {
 public:
  Xxh3();
  Xxh3(Xxh3&&) noexcept;
  Xxh3& operator=(Xxh3&&) noexcept;
  ~Xxh3();
  void update(std::string_view bytes);
  // 32 characters. REQUIRES: called once.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void update(std::string_view bytes);
  // 64 characters. REQUIRES: called once.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string xxh3_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

struct FileHash {
  std::int64_t bytes = 0;  // really read, so a file that grows while it is hashed shows
  std::string xxh3;
  std::string sha256;  // empty when not asked for
};

enum class HashDepth { xxh3, xxh3_and_sha256 };

// Reads the whole file once, in pieces of 1 MB. Blocking. Errors are those of env/files.h, or
// `run.cancelled`.
Result<FileHash> hash_file(const std::filesystem::path& path, HashDepth depth, Cancel& cancel);

}  // namespace tidemark
