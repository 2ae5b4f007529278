#include "connectors/postgres/type_tables.h"

#include "connectors/postgres/sink_types.h"
#include "connectors/postgres/type_map.h"

namespace tidemark::postgres {
namespace {

constexpr std::uint32_t numeric_oid = 1700;
constexpr std::uint32_t varchar_oid = 1043;
constexpr std::uint32_t foreign_oid = 600;  // point: a type the table does not have

std::string quoted(const std::string& text) {
  return "`" + text + "`";
}

// atttypmod of numeric(precision,scale).
constexpr std::int32_t numeric_modifier(int precision, int scale) {
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}

std::vector<std::string> read_row(const PostgresType& type, const std::string& shown,
                                  const std::string& remark) {
  const auto form = form_of(type, "c", std::nullopt);
  return {shown, form.ok() ? quoted(sql_name(form->type)) : "refused", remark};
}

void add_numerics(TypeTable& table, const TypeRule& rule) {
  const auto numeric = [&](std::int32_t modifier, const char* shown, const std::string& remark) {
    PostgresType type{.oid = rule.oid, .modifier = modifier, .category = 'b'};
    table.rows.push_back(read_row(type, shown, remark));
  };
  numeric(numeric_modifier(15, 2), "`numeric(15,2)`, to 38 digits", std::string(rule.remark));
  numeric(-1, "`numeric` without bounds",
          "exact text, also NaN and infinities; `columns: {name: decimal(p,s)}` reads "
          "it as a number");
  numeric(numeric_modifier(50, 2), "`numeric(50,2)`, more than 38 digits", "the same");
  numeric(numeric_modifier(5, -2), "`numeric(5,-2)`, a scale below 0 or above the precision",
          "the same");
}

TypeTable source_table() {
  TypeTable table{"PostgreSQL as a source",
                  "Values come in PostgreSQL's binary form. A domain is read as the type it is "
                  "made of. `columns` of a job may declare `varchar` for any column (the server's "
                  "own text) and `decimal(p,s)` for a `numeric`; a value that does not fit then "
                  "refuses its row.",
                  {"PostgreSQL", "engine", "what cannot be held, and other remarks"},
                  {}};
  for (const TypeRule& rule : type_rules()) {
    if (rule.oid == numeric_oid) {
      add_numerics(table, rule);
      continue;
    }
    PostgresType type{.oid = rule.oid, .category = 'b'};
    table.rows.push_back(read_row(type, quoted(std::string(rule.name)), std::string(rule.remark)));
  }
  PostgresType label{.oid = foreign_oid, .category = 'e'};
  table.rows.push_back(read_row(label, "an enum", "its label"));
  PostgresType list{.oid = 1007, .category = 'b', .element_oid = 23};
  table.rows.push_back(read_row(list, "`integer[]`, and arrays of all types above",
                                "an array of several dimensions, or one that does not start at 1, "
                                "goes to quarantine; `columns: {name: varchar}` takes it as text"));
  PostgresType other{.oid = foreign_oid, .category = 'b'};
  table.rows.push_back(
      read_row(other, "any other type (`inet`, `money`, `point`, ranges, composites, extensions)",
               "the text the server prints"));
  return table;
}

TargetColumn there(const TypeRule& rule, std::int32_t modifier) {
  TargetColumn column;
  column.name = "c";
  column.type_name = std::string(rule.name);
  column.type_oid = rule.oid;
  column.type_modifier = modifier;
  return column;
}

// The note of a fit with the type's own name before it, where there is one.
void add_note(std::string& notes, const std::string& type, const std::string& note) {
  if (note.empty()) return;
  notes += (notes.empty() ? "" : "; ") + quoted(type) + ": " + note;
}

std::vector<std::string> target_row(const Type& type) {
  const Column column{"c", type, true, {}};
  const auto made = postgres_type(column);
  if (!made.ok())
    return {quoted(sql_name(type)), "none", "none", "refused at plan: " + made.error().hint};
  if (type.kind == TypeKind::list)
    return {quoted(sql_name(type)), quoted(*made), "an array whose elements fit", ""};
  std::string fits;
  std::string notes;
  for (const TypeRule& rule : type_rules()) {
    const auto taken = fit(column, there(rule, -1));
    if (taken.ok()) {
      fits += (fits.empty() ? "" : ", ") + quoted(std::string(rule.name));
      add_note(notes, std::string(rule.name), taken->note);
    }
    if (rule.oid != varchar_oid) continue;
    if (const auto bounded = fit(column, there(rule, 24)); bounded.ok())
      add_note(notes, "character varying(20)", bounded->note);
  }
  TargetColumn labels;
  labels.is_enum = true;
  if (const auto taken = fit(column, labels); taken.ok()) {
    fits += ", an enum";
    add_note(notes, "enum", taken->note);
  }
  return {quoted(sql_name(type)), quoted(*made), fits, notes};
}

TypeTable target_table() {
  TypeTable table{"PostgreSQL as a target",
                  "A new table gets these types. A column that is there already must take every "
                  "value as it is, or the plan is refused (`target.schema_misfit`); a bounded "
                  "`numeric(p,s)` needs room for all digits, and a time with fewer than six "
                  "decimals does not fit. PostgreSQL cannot hold the character NUL in a text, nor "
                  "dates before 4714-11-24 BC.",
                  {"engine", "new column", "fits into a column of", "remarks"},
                  {}};
  for (const Type& type : type_examples())
    table.rows.push_back(target_row(type));
  return table;
}

}  // namespace

std::vector<TypeTable> type_tables() {
  return {source_table(), target_table()};
}

}  // namespace tidemark::postgres
