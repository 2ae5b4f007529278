// Scanning of one JSON object into its members, with every value's text as it was written. Pure
// functions of their input; one object of JsonScan belongs to one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/files/records.h"

namespace tidemark {

struct JsonField {
  std::string_view name;
  Cell cell;  // text without its quotes and escapes
};

class JsonScan {
 public:
  // The members of the object that `text` is; the views are good until the next call or the end of
  // `text`. Empty on success, else what is wrong.
  std::string scan(std::string_view text, std::vector<JsonField>& fields);

 private:
  bool value(Cell& cell, int depth);
  bool object(std::vector<JsonField>* fields, int depth);
  bool array(int depth);
  bool string(std::string_view& out);
  bool escape();
  bool unicode(unsigned& code);
  bool number();
  bool word(std::string_view expected);
  void skip_space();
  bool fail(const std::string& what);
  bool take(char c);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string scratch_;
  std::string problem_;
};

}  // namespace tidemark
