// The steps of a job's `transform`, one codec each.
#include <algorithm>
#include <set>
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

bool check_distinct(const std::vector<Name>& names, std::string_view what, ReadContext& context) {
  bool good = true;
  std::set<std::string> seen;
  for (const Name& name : names) {
    if (seen.insert(name.value).second) continue;
    context.fault(name.at, std::string(what) + " `" + name.value + "` is named twice",
                  "keep one of them");
    good = false;
  }
  return good;
}

namespace {

using config::MapItem;

// Reads one step into the variant.
struct StepCodec {
  FieldDoc doc;
  std::function<bool(const YamlNode&, ReadContext&, StepKind&)> read;
};

template <class Step>
StepCodec step(std::string name, ValueSpec<Step> value, std::string description,
               std::string example) {
  FieldDoc doc;
  doc.name = name;
  doc.value = value.doc;
  doc.description = std::move(description);
  doc.example = std::move(example);
  return {std::move(doc), [value = std::move(value), quoted = "`" + name + "`"](
                              const YamlNode& node, ReadContext& context, StepKind& out) {
            Step read;
            const bool good = value.read(node, context, quoted, read);
            out = std::move(read);
            return good;
          }};
}

// Pairs written as one name, a list of names, or a mapping; `from` of each pair is the left side.
ValueSpec<std::vector<NamePair>> name_pairs(std::string phrase) {
  ValueSpec<Name> name = config::name();
  ValueDoc list{.shape = ValueShape::list, .phrase = "a list of names", .parts = {name.doc}};
  ValueDoc map{.shape = ValueShape::map, .phrase = "a mapping of names", .parts = {name.doc}};
  ValueDoc doc{
      .shape = ValueShape::any_of, .phrase = std::move(phrase), .parts = {name.doc, list, map}};
  return {doc, [doc, names = config::list_or_one(config::name(), doc.phrase),
                pairs = config::map_of(config::name(), doc.phrase)](
                   const YamlNode& node, ReadContext& context, ValueName what,
                   std::vector<NamePair>& out) {
            bool good = true;
            std::vector<Name> left;
            if (node.kind == YamlKind::map) {
              std::vector<MapItem<Name>> items;
              good = pairs.read(node, context, what, items);
              for (MapItem<Name>& item : items)
                out.push_back({std::move(item.key), std::move(item.value)});
            } else {
              std::vector<Name> items;
              good = names.read(node, context, what, items);
              for (Name& item : items)
                out.push_back({item, item});
            }
            for (const NamePair& pair : out)
              left.push_back(pair.from);
            return check_distinct(left, "the column", context) && good;
          }};
}

ValueSpec<TableRef> table_ref() {
  return config::converted<TableRef, Name>(
      config::name("connection.[schema.]table"),
      [](Name&& written, const YamlNode&, ReadContext& context, TableRef& out) {
        if (written.value.empty()) return false;
        const std::size_t dot = written.value.find('.');
        if (dot == std::string::npos || dot == 0 || dot + 1 == written.value.size()) {
          context.fault(written.at, "`" + written.value + "` does not name a table of a connection",
                        "write connection.table or connection.schema.table");
          return false;
        }
        out.connection = {written.value.substr(0, dot), written.at};
        out.table = written.value.substr(dot + 1);
        return true;
      });
}

ValueSpec<std::vector<Name>> column_list() {
  return config::converted<std::vector<Name>, std::vector<Name>>(
      config::list_or_one(config::name("the name of a column"), "a list of columns"),
      [](std::vector<Name>&& names, const YamlNode&, ReadContext& context, std::vector<Name>& out) {
        out = std::move(names);
        return check_distinct(out, "the column", context);
      });
}

ValueSpec<std::vector<DefaultValue>> default_values() {
  using Items = std::vector<MapItem<std::optional<std::string>>>;
  return config::converted<std::vector<DefaultValue>, Items>(
      config::map_of(config::text_or_null(), "a mapping of added columns to values"),
      [](Items&& items, const YamlNode&, ReadContext&, std::vector<DefaultValue>& out) {
        for (auto& item : items)
          out.push_back({std::move(item.key), std::move(item.value)});
        return true;
      });
}

void check_lookup(const LookupStep& lookup, const YamlNode& node, ReadContext& context) {
  if (lookup.missing != MissingKey::use_default) {
    if (lookup.defaults.empty()) return;
    context.fault(node.find("default")->at, "`default` means nothing without `missing: default`",
                  "add missing: default, or remove default");
    return;
  }
  if (lookup.defaults.empty()) {
    const std::string column = lookup.add.empty() ? "column" : lookup.add.front().from.value;
    context.fault(node.find("missing")->at, "`missing: default` needs `default`",
                  "add for example default: {" + column + ": unknown}");
    return;
  }
  std::vector<std::string> added;
  for (const NamePair& pair : lookup.add)
    added.push_back(pair.from.value);
  for (const DefaultValue& value : lookup.defaults) {
    if (std::find(added.begin(), added.end(), value.column.value) != added.end()) continue;
    context.fault(value.column.at,
                  "`default` names `" + value.column.value + "`, which `add` does not add" +
                      did_you_mean(value.column.value, added),
                  "the added columns are " + list_words(added));
  }
}

ValueSpec<LookupStep> lookup_value() {
  ConfigSpec<LookupStep> spec(
      "lookup", "Adds columns of another table, found by key.",
      "from: warehouse.dim_customer\nmatch: customer_id\nadd: [segment, country]\n"
      "missing: quarantine\n");
  spec.field("from", &LookupStep::from, table_ref(),
             {.required = true,
              .description = "The table to look in; its key must be unique.",
              .example = "warehouse.dim_customer"})
      .field("match", &LookupStep::match,
             name_pairs("a column, a list of columns, or {here: there}"),
             {.required = true,
              .description = "The key: columns with one name in both, or a mapping of the rows' "
                             "columns to the table's.",
              .example = "{dest: faa}"})
      .field(
          "add", &LookupStep::add, name_pairs("a column, a list of columns, or {new: there}"),
          {.required = true,
           .description = "The columns to add, or a mapping of new names to the table's columns.",
           .example = "[segment, country]"})
      .field("missing", &LookupStep::missing,
             config::choice<MissingKey>({{"keep", MissingKey::keep},
                                         {"quarantine", MissingKey::quarantine},
                                         {"default", MissingKey::use_default}}),
             {.default_text = "keep",
              .description = "What becomes of a row whose key is not there: kept with NULLs, "
                             "refused, or filled from `default`.",
              .example = "quarantine"})
      .field("default", &LookupStep::defaults, default_values(),
             {.description = "With `missing: default`, the values of added columns; a column not "
                             "named here is NULL.",
              .example = "{segment: unknown}"})
      .check(check_lookup);
  return config::object(std::move(spec));
}

ValueSpec<UnitsStep> units_value() {
  struct Change {
    Name from;
    Name to;
    std::optional<Name> as;
  };
  ConfigSpec<Change> spec("units", "From which unit to which.", "{from: lb, to: kg}");
  spec.field("from", &Change::from, config::text("a unit"),
             {.required = true,
              .description = "The unit the column has; symbol or English name.",
              .example = "lb"})
      .field("to", &Change::to, config::text("a unit"),
             {.required = true, .description = "The unit it gets.", .example = "kg"})
      .field("as", &Change::as, config::text("the name of a column"),
             {.default_note = "the column itself is replaced",
              .description = "A new column for the result.",
              .example = "weight_kg"});
  using Items = std::vector<MapItem<Change>>;
  return config::converted<UnitsStep, Items>(
      config::map_of(config::object(std::move(spec)), "a mapping of columns to {from, to}"),
      [](Items&& items, const YamlNode&, ReadContext&, UnitsStep& out) {
        for (auto& item : items) {
          out.changes.push_back({std::move(item.key), std::move(item.value.from),
                                 std::move(item.value.to), std::move(item.value.as)});
        }
        return true;
      });
}

ValueSpec<DeriveStep> derive_value() {
  using Items = std::vector<MapItem<SqlText>>;
  return config::converted<DeriveStep, Items>(
      config::map_of(config::sql(SqlRole::expression), "a mapping of columns to SQL expressions"),
      [](Items&& items, const YamlNode&, ReadContext&, DeriveStep& out) {
        for (auto& item : items)
          out.columns.push_back({std::move(item.key), std::move(item.value)});
        return true;
      });
}

ValueSpec<RenameStep> rename_value() {
  using Items = std::vector<MapItem<Name>>;
  return config::converted<RenameStep, Items>(
      config::map_of(config::name(), "a mapping of old names to new names"),
      [](Items&& items, const YamlNode&, ReadContext& context, RenameStep& out) {
        std::vector<Name> fresh;
        for (auto& item : items) {
          fresh.push_back(item.value);
          out.names.push_back({std::move(item.key), std::move(item.value)});
        }
        return check_distinct(fresh, "the new column", context);
      });
}

ValueSpec<CastStep> cast_value() {
  using Items = std::vector<MapItem<Name>>;
  return config::converted<CastStep, Items>(
      config::map_of(config::type_name(), "a mapping of columns to types"),
      [](Items&& items, const YamlNode&, ReadContext&, CastStep& out) {
        for (auto& item : items)
          out.columns.push_back({std::move(item.key), std::move(item.value)});
        return true;
      });
}

// A step that is nothing but a list of columns.
template <class Step>
ValueSpec<Step> columns_value() {
  return config::converted<Step, std::vector<Name>>(
      column_list(), [](std::vector<Name>&& names, const YamlNode&, ReadContext&, Step& out) {
        out.columns = std::move(names);
        return true;
      });
}

ValueSpec<DedupeStep> dedupe_value() {
  ConfigSpec<DedupeStep> spec("dedupe", "Keeps one row of each key.",
                              "key: [order_id]\norder: updated_at desc\n");
  spec.field("key", &DedupeStep::key, column_list(),
             {.required = true,
              .description = "The columns that tell rows apart.",
              .example = "[order_id]"})
      .field("order", &DedupeStep::order, config::sql(SqlRole::order),
             {.required = true,
              .description = "The order within a key; its first row stays.",
              .example = "updated_at desc"});
  return config::object(std::move(spec));
}

ValueSpec<SqlStep> sql_value() {
  return config::converted<SqlStep, SqlText>(
      config::sql(SqlRole::query), [](SqlText&& text, const YamlNode&, ReadContext&, SqlStep& out) {
        out.query = std::move(text);
        return true;
      });
}

std::vector<StepCodec> step_codecs() {
  return {
      step("lookup", lookup_value(), "Adds columns of another table, found by key.",
           "{from: warehouse.dim_customer, match: customer_id, add: [segment, country], missing: "
           "quarantine}"),
      step("units", units_value(), "Converts columns between units of measure.",
           "{weight: {from: lb, to: kg}}"),
      step("derive", derive_value(),
           "Adds or replaces columns by SQL expressions, in the order written; a later one may "
           "read an earlier one.",
           "{order_day: ordered_at::date, margin: price - cost}"),
      step("rename", rename_value(), "Gives columns new names.", "{cust_no: customer_id}"),
      step("select", columns_value<SelectStep>(), "Keeps these columns only, in this order.",
           "[order_id, price]"),
      step("drop", columns_value<DropStep>(), "Removes columns.", "[internal_note]"),
      step("cast", cast_value(),
           "Changes types. A value that does not fit goes to quarantine with its row.",
           "{price: \"decimal(12,2)\"}"),
      step("dedupe", dedupe_value(),
           "Keeps one row of each key; the step reports how many it dropped.",
           "{key: [order_id], order: updated_at desc}"),
      step("sql", sql_value(),
           "A query over the relation `rows`, inline or in a file beside the job.",
           "shipments.sql"),
  };
}

}  // namespace

ValueSpec<TransformStep> transform_step_value() {
  auto steps = std::make_shared<const std::vector<StepCodec>>(step_codecs());
  auto described = std::make_shared<ObjectDoc>();
  described->name = "transform";
  described->description =
      "The steps between source and target, in order, over the relation `rows`.";
  for (const StepCodec& codec : *steps)
    described->fields.push_back(codec.doc);
  const std::vector<std::string> words = described->field_names();
  ValueDoc doc{.shape = ValueShape::one_key,
               .phrase = "a mapping with one key, one of " + list_words(words),
               .object = std::move(described)};
  return {
      doc, [doc, steps, words](const YamlNode& node, ReadContext& context, ValueName,
                               TransformStep& out) {
        out.at = place(node.at);
        const std::string hint =
            "a step is one of " + list_words(words) + ", for example - drop: [column]";
        if (node.kind != YamlKind::map || node.entries.empty()) {
          context.fault(node.at, "a step of `transform` must be a mapping with one key", hint);
          return false;
        }
        const YamlEntry& entry = node.entries.front();
        if (node.entries.size() > 1) {
          context.fault(
              node.entries[1].key_at,
              "a step of `transform` has two keys, `" + entry.key + "` and `" +
                  node.entries[1].key + "`",
              "begin each step with its own dash, and indent what belongs to a step below its key");
          return false;
        }
        for (const StepCodec& codec : *steps) {
          if (codec.doc.name != entry.key) continue;
          return check_not_empty(entry.value, codec.doc, context) &&
                 codec.read(entry.value, context, out.kind);
        }
        context.fault(entry.key_at,
                      "unknown step `" + entry.key + "`" + did_you_mean(entry.key, words), hint);
        return false;
      }};
}

}  // namespace tidemark
