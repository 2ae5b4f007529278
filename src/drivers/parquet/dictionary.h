// Dictionary: the different values of a column, numbered as they come, up to a number at which it
// is not worth having one. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::parquet {

class Dictionary {
  struct Entry {
    std::uint64_t hash = 0;
    std::uint32_t begin = 0;  // in values_
    std::uint32_t bytes = 0;
  };

 public:
  static constexpr std::size_t values_max = 1'024;
  static constexpr std::size_t bytes_max = 65'536;

  // `width` is that of every value; 0: values are texts.
  explicit Dictionary(std::size_t width);

  // The number of a value; nothing where it is new and there is no room for it.
  std::optional<std::uint16_t> number_of(std::string_view value);
  // As a page has it. REQUIRES a number that was given.
  void append_value(std::uint16_t number, std::string& out) const;
  void clear();
  // As clear(), for one that is not asked any more.
  void release();

  // Of its entries and values.
  std::size_t bytes() const { return values_.size() + entries_.size() * sizeof(Entry); }
  std::size_t size() const { return entries_.size(); }
  // All values, as a page has them.
  const std::string& values() const { return values_; }

 private:
  std::optional<std::uint16_t> add(std::size_t slot, std::uint64_t hash, std::string_view value);

  const std::size_t width_;
  std::string values_;
  std::vector<Entry> entries_;
  std::vector<std::uint16_t> slots_;  // a number and 1; 0: free. Made with the first value
};

}  // namespace tidemark::parquet
