#include "transform/project.h"

#include <algorithm>

namespace tidemark {

namespace {

// The columns of `in` at `picked`, under the names of `out`.
CompiledStep project(const StepInput& step, const std::string& kind,
                     const std::vector<std::size_t>& picked, Schema out) {
  std::vector<std::string> columns;
  for (std::size_t at = 0; at < picked.size(); ++at) {
    const std::string& from = step.in.columns[picked[at]].name;
    const std::string& to = out.columns[at].name;
    columns.push_back(duck::quote_name(from) + (from == to ? "" : " AS " + duck::quote_name(to)));
  }
  keep_key(out);
  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = kind;
  compiled.label = kind;
  compiled.out = std::move(out);
  compiled.queries.push_back(
      {step_relation(step.number), "SELECT " + with_hidden(columns) + " FROM " + step.input});
  compiled.only_columns = true;
  compiled.row_wise = true;
  return compiled;
}

// The positions of the named columns; a name that is there twice is a fault.
std::optional<std::vector<std::size_t>> positions(const std::vector<Name>& names,
                                                  const StepInput& step) {
  std::vector<std::size_t> out;
  bool good = true;
  for (const Name& name : names) {
    const auto at = require_column(step, name);
    if (at && std::find(out.begin(), out.end(), *at) != out.end()) {
      step.faults.add(step.file, name.at, "the column `" + name.value + "` is named twice");
      good = false;
    } else if (at) {
      out.push_back(*at);
    } else {
      good = false;
    }
  }
  if (!good) return std::nullopt;
  return out;
}

}  // namespace

std::optional<CompiledStep> compile_rename(const RenameStep& spec, const StepInput& step) {
  std::vector<Name> old_names;
  for (const NamePair& pair : spec.names)
    old_names.push_back(pair.from);
  const auto renamed = positions(old_names, step);
  if (!renamed) return std::nullopt;
  // All names change at once, so that two columns can be swapped.
  Schema others;
  for (std::size_t at = 0; at < step.in.columns.size(); ++at) {
    if (std::find(renamed->begin(), renamed->end(), at) == renamed->end())
      others.columns.push_back(step.in.columns[at]);
  }
  Schema out = step.in;
  bool good = true;
  for (std::size_t at = 0; at < spec.names.size(); ++at) {
    const Name& to = spec.names[at].to;
    if (!require_free(step, others, to)) good = false;
    Column& column = out.columns[(*renamed)[at]];
    column.name = to.value;
    others.columns.push_back(column);
  }
  if (!good) return std::nullopt;
  out.key.clear();
  for (const std::string& name : step.in.key) {
    if (const auto at = step.in.find(name)) out.key.push_back(out.columns[*at].name);
  }
  std::vector<std::size_t> all(step.in.columns.size());
  for (std::size_t at = 0; at < all.size(); ++at)
    all[at] = at;
  return project(step, "rename", all, std::move(out));
}

std::optional<CompiledStep> compile_select(const SelectStep& spec, const StepInput& step) {
  const auto picked = positions(spec.columns, step);
  if (!picked) return std::nullopt;
  if (picked->empty()) {
    step.faults.add(step.file, step.at, "no column is selected");
    return std::nullopt;
  }
  Schema out;
  out.key = step.in.key;
  for (const std::size_t at : *picked)
    out.columns.push_back(step.in.columns[at]);
  return project(step, "select", *picked, std::move(out));
}

std::optional<CompiledStep> compile_drop(const DropStep& spec, const StepInput& step) {
  const auto dropped = positions(spec.columns, step);
  if (!dropped) return std::nullopt;
  Schema out;
  out.key = step.in.key;
  std::vector<std::size_t> kept;
  for (std::size_t at = 0; at < step.in.columns.size(); ++at) {
    if (std::find(dropped->begin(), dropped->end(), at) != dropped->end()) continue;
    kept.push_back(at);
    out.columns.push_back(step.in.columns[at]);
  }
  if (kept.empty()) {
    step.faults.add(step.file, step.at, "every column is dropped", "keep at least one");
    return std::nullopt;
  }
  return project(step, "drop", kept, std::move(out));
}

}  // namespace tidemark
