// CompactWriter: values in Thrift's compact protocol, as far as Parquet's headers and footer use it
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
//
// Structs may be nested; fields of a struct are written in the order of their numbers. One thread.
// Private to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::parquet {

class CompactWriter {
 public:
  // Appends to `out`.
  explicit CompactWriter(std::string& out) : out_(out) {}

  void field(int number, std::int32_t value);
  void field(int number, std::int64_t value);
  void field(int number, bool value);
  void field(int number, std::string_view value);
  // A struct as a field; what follows is in it until end_struct().
  void begin_struct(int number);
  void end_struct();
  // A list as a field; `size` elements follow.
  void begin_structs(int number, std::size_t size);
  // An element of a list of structs; ends with end_struct().
  void begin_element();
  void integers(int number, const std::vector<std::int32_t>& values);
  void texts(int number, const std::vector<std::string>& values);

 private:
  void begin_field(int number, int type);
  void begin_list(int number, std::size_t size, int type);
  void varint(std::uint64_t value);
  void zigzag(std::int64_t value);
  void text(std::string_view value);

  std::string& out_;
  std::vector<int> outer_;  // the last field of each struct around this one
  int last_ = 0;
};

// As the protocol, and Parquet's runs, write an unsigned number.
void append_varint(std::string& out, std::uint64_t value);

}  // namespace tidemark::parquet
