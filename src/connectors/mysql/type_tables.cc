#include "connectors/mysql/type_tables.h"

#include "connectors/mysql/sink_types.h"
#include "connectors/mysql/type_map.h"

namespace tidemark::mysql {
namespace {

std::string quoted(std::string_view text) {
  return "`" + std::string(text) + "`";
}

TypeTable source_table() {
  TypeTable table{
      "MySQL and MariaDB as a source",
      "Values come in MySQL's binary form. `columns` of a job may declare `varchar` for "
      "any column but floats (the text MySQL prints, also of days that do not exist), "
      "`decimal(p,s)` for a `decimal`, `time` for a `time`, `boolean` for a `tinyint`; "
      "a value that does not fit then refuses its row.",
      {"MySQL", "engine", "what cannot be held, and other remarks"},
      {}};
  for (const TypeRule& rule : type_rules()) {
    const auto form = form_of(rule.field, std::nullopt);
    table.rows.push_back({quoted(rule.name), form.ok() ? quoted(sql_name(form->type)) : "refused",
                          std::string(rule.remark)});
  }
  return table;
}

TypeTable target_table() {
  TypeTable table{"MySQL and MariaDB as a target",
                  "A new table gets these types, in InnoDB, utf8mb4 and a collation in which equal "
                  "texts are the same texts. A text that is part of a key becomes a `varchar` of "
                  "255 characters or less. A column that is there already must take every value as "
                  "it is, or the plan is refused (`target.schema_misfit`): a `decimal(p,s)` needs "
                  "room for all digits, a time six decimals. MySQL keeps no sign of a zero "
                  "(`-0` of a float).",
                  {"engine", "new column", "what is refused, and other remarks"},
                  {}};
  for (const Type& type : type_examples()) {
    const Column column{"c", type, true, {}};
    const auto made = mysql_type(column, Flavour{});
    if (!made.ok()) {
      table.rows.push_back(
          {quoted(sql_name(type)), "none", "refused at plan: " + made.error().hint});
      continue;
    }
    const auto fits = new_column(column, Flavour{});
    std::string remark = fits.ok() ? fits->note : "";
    if (fits.ok() && remark.empty() && !fits->column.holds.empty())
      remark = "refused where " + fits->column.reason;
    table.rows.push_back({quoted(sql_name(type)), quoted(*made), remark});
  }
  return table;
}

}  // namespace

std::vector<TypeTable> type_tables() {
  return {source_table(), target_table()};
}

}  // namespace tidemark::mysql
