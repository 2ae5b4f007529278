#include <algorithm>

#include "transform/cast.h"
#include "transform/dedupe.h"
#include "transform/derive.h"
#include "transform/lookup.h"
#include "transform/project.h"
#include "transform/query.h"
#include "transform/refuse.h"
#include "transform/transform.h"
#include "transform/units.h"

namespace tidemark {

namespace {

struct CompileStep {
  const StepInput& step;
  std::optional<CompiledStep> operator()(const LookupStep& spec) const {
    return compile_lookup(spec, step);
  }
  std::optional<CompiledStep> operator()(const UnitsStep& spec) const {
    return compile_units(spec, step);
  }
  std::optional<CompiledStep> operator()(const DeriveStep& spec) const {
    return compile_derive(spec, step);
  }
  std::optional<CompiledStep> operator()(const RenameStep& spec) const {
    return compile_rename(spec, step);
  }
  std::optional<CompiledStep> operator()(const SelectStep& spec) const {
    return compile_select(spec, step);
  }
  std::optional<CompiledStep> operator()(const DropStep& spec) const {
    return compile_drop(spec, step);
  }
  std::optional<CompiledStep> operator()(const CastStep& spec) const {
    return compile_cast(spec, step);
  }
  std::optional<CompiledStep> operator()(const DedupeStep& spec) const {
    return compile_dedupe(spec, step);
  }
  std::optional<CompiledStep> operator()(const SqlStep& spec) const {
    return compile_query(spec, step);
  }
  std::optional<CompiledStep> operator()(const RefuseStep& spec) const {
    return compile_refuse(spec, step);
  }
};

bool check_input(const Schema& input, const std::string& file, Faults& faults) {
  bool good = !input.columns.empty();
  if (!good) faults.add(file, {}, "the source has no columns");
  for (const Column& column : input.columns) {
    if (!column.name.starts_with(reserved_prefix)) continue;
    faults.add(
        file, {},
        "the source's column `" + column.name + "` has a name that Tidemark keeps for itself",
        "read it under another name, e.g. with a `query`");
    good = false;
  }
  return good;
}

// SQL texts in which a step may name tables.
struct Texts {
  std::vector<std::string>& out;
  void operator()(const DeriveStep& spec) const {
    for (const NamedSql& column : spec.columns)
      out.push_back("SELECT " + column.sql.text);
  }
  void operator()(const DedupeStep& spec) const {
    if (!spec.order.text.empty()) out.push_back("SELECT 1 ORDER BY " + spec.order.text);
  }
  void operator()(const SqlStep& spec) const { out.push_back(spec.query.text); }
  void operator()(const auto&) const {}
};

// Columns that a step gives a value or a name.
struct Written {
  std::vector<std::string>& out;
  bool all = false;
  void add(const Name& name) { out.push_back(name.value); }
  void operator()(const LookupStep& spec) {
    for (const NamePair& pair : spec.add)
      add(pair.from);
  }
  void operator()(const UnitsStep& spec) {
    for (const UnitChange& change : spec.changes)
      add(change.as ? *change.as : change.column);
  }
  void operator()(const DeriveStep& spec) {
    for (const NamedSql& column : spec.columns)
      add(column.name);
  }
  void operator()(const RenameStep& spec) {
    for (const NamePair& pair : spec.names)
      add(pair.to);
  }
  void operator()(const CastStep& spec) {
    for (const DeclaredColumn& column : spec.columns)
      add(column.name);
  }
  void operator()(const SqlStep&) { all = true; }
  void operator()(const SelectStep&) {}
  void operator()(const DropStep&) {}
  void operator()(const DedupeStep&) {}
  void operator()(const RefuseStep&) {}
};

}  // namespace

int last_writer(const std::vector<TransformStep>& steps, const std::vector<std::string>& columns) {
  Schema looked_for;
  for (const std::string& column : columns)
    looked_for.columns.push_back({column, Type::of(TypeKind::varchar), true, {}});
  int last = 0;
  for (std::size_t at = 0; at < steps.size(); ++at) {
    std::vector<std::string> names;
    Written written{names};
    std::visit(written, steps[at].kind);
    const bool found =
        written.all || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return find_column(looked_for, name).has_value();
        });
    if (found) last = static_cast<int>(at) + 1;
  }
  return last;
}

std::optional<CompiledTransform> compile_transform(const std::vector<TransformStep>& steps,
                                                   const Schema& input, const std::string& file,
                                                   duck::Connection& connection, Faults& faults,
                                                   const std::vector<TransformStep>& lead) {
  TM_ASSERT(!connection.in_transaction());
  if (!check_input(input, file, faults)) return std::nullopt;
  CompiledTransform transform;
  transform.in = input;
  Schema now = input;
  const auto start_part = [&] {
    TransformPart part;
    part.in = now;
    part.out = now;
    part.last = "_tm_base";
    transform.parts.push_back(std::move(part));
  };
  start_part();
  const auto add = [&](const TransformStep& step, int number) {
    TransformPart& part = transform.parts.back();
    const StepInput in{now, part.last, number, step.at, file, connection, faults};
    auto compiled = std::visit(CompileStep{in}, step.kind);
    if (!compiled) return false;
    now = compiled->out;
    if (compiled->is_query) {
      part.query = std::move(compiled);
      start_part();
      return true;
    }
    if (!compiled->queries.empty()) part.last = compiled->queries.back().name;
    part.out = now;
    part.steps.push_back(std::move(*compiled));
    return true;
  };
  int number = lead_number;
  for (const TransformStep& step : lead) {
    if (!add(step, number++)) return std::nullopt;
  }
  number = 1;
  for (const TransformStep& step : steps) {
    if (!add(step, number++)) return std::nullopt;
  }
  transform.out = std::move(now);
  return transform;
}

Result<CompiledTransform> compile_transform(const std::vector<TransformStep>& steps,
                                            const Schema& input, const std::string& file,
                                            duck::Connection& connection,
                                            const std::vector<TransformStep>& lead) {
  Faults faults;
  auto compiled = compile_transform(steps, input, file, connection, faults, lead);
  if (!compiled) {
    TM_ASSERT(!faults.empty());
    faults.sort();
    return faults.as_error();
  }
  return std::move(*compiled);
}

std::vector<std::string> tables_read(const std::vector<TransformStep>& steps,
                                     duck::Connection& connection) {
  std::vector<std::string> tables;
  for (const TransformStep& step : steps) {
    if (const auto* lookup = std::get_if<LookupStep>(&step.kind)) {
      const std::string table = table_label(lookup->from);
      if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
    }
    std::vector<std::string> texts;
    std::visit(Texts{texts}, step.kind);
    for (const std::string& text : texts)
      add_tables_read(text, connection, tables);
  }
  return tables;
}

}  // namespace tidemark
