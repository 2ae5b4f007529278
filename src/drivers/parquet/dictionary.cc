#include "drivers/parquet/dictionary.h"

#include <cstring>

namespace tidemark::parquet {
namespace {

constexpr std::size_t slot_count = 4 * Dictionary::values_max;
constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;

template <class Word>
std::uint64_t word_at(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// The upper half of a product depends on all bits of both numbers.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
}

// Of at most eight bytes; of more than one the reads overlap.
std::uint64_t short_word(std::string_view bytes) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  if (bytes.size() == 8) return word_at<std::uint64_t>(begin);
  if (bytes.size() >= 4)
    return word_at<std::uint32_t>(begin) | word_at<std::uint32_t>(end - 4) << 32;
  if (bytes.size() >= 2)
    return word_at<std::uint16_t>(begin) | word_at<std::uint16_t>(end - 2) << 16;
  return bytes.empty() ? 0 : word_at<std::uint8_t>(begin);
}

std::uint64_t hash_of(std::string_view value) {
  std::uint64_t hash = value.size() + 1;
  while (value.size() > 8) {
    hash = mix(hash ^ word_at<std::uint64_t>(value.data()), odd);
    value.remove_prefix(8);
  }
  return mix(hash ^ short_word(value), odd);
}

}  // namespace

Dictionary::Dictionary(std::size_t width) : width_(width) {}

void Dictionary::clear() {
  values_.clear();
  entries_.clear();
  slots_.assign(slots_.size(), 0);
}

void Dictionary::release() {
  values_ = {};
  entries_ = {};
  slots_ = {};
}

void Dictionary::append_value(std::uint16_t number, std::string& out) const {
  const Entry& entry = entries_[number];
  const std::size_t head = width_ == 0 ? sizeof(entry.bytes) : 0;
  out.append(values_, entry.begin - head, entry.bytes + head);
}

std::optional<std::uint16_t> Dictionary::number_of(std::string_view value) {
  if (slots_.empty()) slots_.resize(slot_count);
  const std::uint64_t hash = hash_of(value);
  std::size_t slot = hash % slot_count;
  for (; slots_[slot] != 0; slot = (slot + 1) % slot_count) {
    const auto number = static_cast<std::uint16_t>(slots_[slot] - 1);
    const Entry& entry = entries_[number];
    if (entry.hash == hash && entry.bytes == value.size() &&
        std::memcmp(values_.data() + entry.begin, value.data(), value.size()) == 0) {
      return number;
    }
  }
  return add(slot, hash, value);
}

std::optional<std::uint16_t> Dictionary::add(std::size_t slot, std::uint64_t hash,
                                             std::string_view value) {
  if (entries_.size() == values_max || values_.size() + value.size() > bytes_max)
    return std::nullopt;
  const auto bytes = static_cast<std::uint32_t>(value.size());
  if (width_ == 0) values_.append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  entries_.push_back({hash, static_cast<std::uint32_t>(values_.size()), bytes});
  values_ += value;
  slots_[slot] = static_cast<std::uint16_t>(entries_.size());
  return static_cast<std::uint16_t>(entries_.size() - 1);
}

}  // namespace tidemark::parquet
