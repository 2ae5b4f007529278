#include "connectors/files/type_tables.h"

#include <string_view>

#include "connectors/files/text_types.h"

namespace tidemark {

namespace {

struct Sample {
  CellKind kind;
  std::vector<std::string_view> values;
  std::string_view remark;
};

std::vector<std::string> row_of(const char* format, const Sample& sample) {
  TypeGuess guess;
  std::string shown;
  for (const std::string_view value : sample.values) {
    guess.add({sample.kind, value});
    const bool quoted = sample.kind == CellKind::text;
    shown += (shown.empty() ? "`" : ", `") + std::string(quoted ? "\"" : "") + std::string(value) +
             (quoted ? "\"`" : "`");
  }
  if (sample.values.empty()) shown = "no value at all";
  return {format, shown, "`" + sql_name(guess.type()) + "`", std::string(sample.remark)};
}

TypeTable found_types() {
  TypeTable table{
      "Text files as a source: types found from the data",
      "A type is found only if every value prints back to the same text. It is found at the first "
      "load and kept from then on; a later value that does not fit refuses its row. `nulls` says "
      "which texts mean NULL.",
      {"format", "every value is such as", "engine", ""},
      {}};
  const std::vector<Sample> csv{
      {CellKind::plain, {"0", "42", "-7"}, ""},
      {CellKind::plain, {"true", "false"}, ""},
      {CellKind::plain, {"1.50", "20.25"}, "as many digits after the point in every value"},
      {CellKind::plain, {"123456789012345678.50"}, "the same with more than 18 digits"},
      {CellKind::plain, {"1.5", "20.25"}, "a double prints them back like this"},
      {CellKind::plain, {"2013-01-31"}, ""},
      {CellKind::plain, {"2013-01-31 12:34:56"}, "with up to six decimals; no zone"},
      {CellKind::plain, {"007"}, "a number would lose the zeros"},
      {CellKind::plain, {"1.10", "1.5"}, "a number would lose the zero"},
      {CellKind::plain,
       {"12345678901234567890"},
       "more than 64 bits: a name more often than an amount"},
      {CellKind::plain, {"2013-01-31T12:34:56Z"}, "declare `timestamptz`"},
      {CellKind::plain, {"12:34:56"}, "declare `time`"},
      {CellKind::plain, {"a"}, "anything else"},
      {CellKind::plain, {}, ""},
  };
  for (const Sample& sample : csv)
    table.rows.push_back(row_of("CSV", sample));
  const std::vector<Sample> json{
      {CellKind::number, {"0", "42"}, ""},
      {CellKind::number, {"1.50", "20.25"}, "as in CSV"},
      {CellKind::number, {"1e400"}, "a number that no type holds as written"},
      {CellKind::boolean, {"true", "false"}, ""},
      {CellKind::text, {"2013-01-31"}, "the other dates and times as in CSV"},
      {CellKind::text, {"42"}, "a text stays a text"},
      {CellKind::nested, {R"({"a": 1})"}, "objects and lists, as written"},
  };
  for (const Sample& sample : json)
    table.rows.push_back(row_of("JSON", sample));
  TypeGuess mixed;
  mixed.add({CellKind::number, "1"});
  mixed.add({CellKind::text, "a"});
  table.rows.push_back(
      {"JSON", "`1`, `\"a\"`", "`" + sql_name(mixed.type()) + "`", "values of several kinds"});
  return table;
}

TypeTable declared_types() {
  std::string readable;
  std::string others;
  for (const Type& type : type_examples()) {
    std::string& list = is_readable(type) ? readable : others;
    list += (list.empty() ? "`" : ", `") + sql_name(type) + "`";
  }
  return {"Text files as a source: declared types",
          "`columns: {zip: varchar}` declares a type; then every usual way to write the value is "
          "taken, and a text that is no value of the type refuses its row. Parquet files have "
          "types of their own: the engine reads them, and `columns` is refused.",
          {"may be declared", "engine"},
          {{"yes", readable}, {"no", others}}};
}

}  // namespace

std::vector<TypeTable> files_type_tables() {
  return {found_types(), declared_types()};
}

}  // namespace tidemark
