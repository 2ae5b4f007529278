#include "drivers/parquet/compressor.h"

#include <zstd.h>

#include <string>

namespace tidemark::parquet {
namespace {

// What one huge value needed is not kept for the rest of a file.
constexpr std::size_t kept_max = 4'000'000;

}  // namespace

struct Compressor::State {
  explicit State(int at_level) : level(at_level) {}
  ~State() { ZSTD_freeCCtx(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const int level;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::unique_ptr<char[]> room;
  std::size_t capacity = 0;
};

Compressor::Compressor(int level) : state_(std::make_unique<State>(level)) {}
Compressor::~Compressor() = default;

Result<std::string_view> Compressor::compress(std::string_view bytes) {
  const std::size_t needed = ZSTD_compressBound(bytes.size());
  if (state_->capacity < needed || state_->capacity > kept_max) {
    state_->room.reset();
    state_->room = std::make_unique_for_overwrite<char[]>(needed);
    state_->capacity = needed;
  }
  if (state_->context == nullptr)
    return internal_error("parquet.compression", "there is no memory to compress with");
  const std::size_t size = ZSTD_compressCCtx(state_->context, state_->room.get(), needed,
                                             bytes.data(), bytes.size(), state_->level);
  if (ZSTD_isError(size) != 0) {
    return internal_error("parquet.compression", std::string("a page could not be compressed: ") +
                                                     ZSTD_getErrorName(size));
  }
  return std::string_view(state_->room.get(), size);
}

}  // namespace tidemark::parquet
