#include "base/secret.h"

#include <string.h>

#include <utility>

#include "base/assert.h"

namespace tidemark {
namespace {

// Also what a longer text left behind its end.
void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace

// The argument is a copy's, or a text's that was moved here.
Secret::Secret(std::string value) : value_(value) {
  wipe(value);
}

Secret Secret::asked_for(std::string written, Source source) {
  Secret secret;
  secret.written_ = std::move(written);
  secret.source_ = std::make_shared<const Source>(std::move(source));
  return secret;
}

// A short text stays where it was moved from.
Secret::Secret(Secret&& other) noexcept
    : value_(std::move(other.value_)),
      written_(std::move(other.written_)),
      source_(std::move(other.source_)) {
  wipe(other.value_);
}

Secret& Secret::operator=(Secret other) noexcept {
  value_.swap(other.value_);
  written_.swap(other.written_);
  source_.swap(other.source_);
  return *this;
}

Secret::~Secret() {
  wipe(value_);
}

const std::string& Secret::reveal() const {
  TM_ASSERT(source_ == nullptr);
  return value_;
}

Result<Secret> Secret::now() const {
  if (source_ == nullptr) return *this;
  return (*source_)();
}

}  // namespace tidemark
