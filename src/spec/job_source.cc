// The `from` of a job.
#include <algorithm>
#include <array>
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

using config::MapItem;

// `from` as it is written, before it is known which of the four inputs it is.
struct RawSource {
  Name connection;
  std::optional<Name> table;
  std::optional<Located<std::vector<Name>>> tables;
  std::optional<Located<std::vector<Name>>> except;
  std::optional<Located<SqlText>> query;
  std::optional<Located<std::vector<Name>>> files;
  std::optional<Name> watermark;
  std::vector<MapItem<Name>> columns;
  std::optional<Located<std::vector<std::string>>> nulls;
  std::optional<Located<FileFormat>> format;
  std::optional<Located<bool>> header;
  std::optional<Located<std::string>> delimiter;
  std::optional<Located<Guarantee>> min_guarantee;
  std::optional<Located<NullCursor>> null_cursor;
  std::optional<Name> timezone;
  std::optional<Located<bool>> allow_seq_scan;
  std::optional<Located<std::int64_t>> readers;
  std::optional<Name> split_by;
};

std::optional<FileFormat> format_of(std::string_view pattern) {
  for (std::string_view packed : {".gz", ".zst"}) {
    if (pattern.ends_with(packed)) pattern.remove_suffix(packed.size());
  }
  static constexpr std::array<std::pair<std::string_view, FileFormat>, 6> endings{
      {{".csv", FileFormat::csv},
       {".tsv", FileFormat::csv},
       {".json", FileFormat::json},
       {".jsonl", FileFormat::json},
       {".ndjson", FileFormat::json},
       {".parquet", FileFormat::parquet}}};
  for (const auto& [ending, format] : endings) {
    if (pattern.ends_with(ending)) return format;
  }
  return std::nullopt;
}

FilesInput files_input(RawSource& raw, ReadContext& context) {
  FilesInput input;
  input.patterns = std::move(raw.files->value);
  if (raw.format) {
    input.format = raw.format->value;
  } else {
    std::optional<FileFormat> format;
    for (const Name& pattern : input.patterns) {
      const std::optional<FileFormat> its = format_of(pattern.value);
      if (!its) {
        context.fault(pattern.at, "`" + pattern.value + "` does not tell the format of the files",
                      "add format: csv, json or parquet");
      } else if (format && *format != *its) {
        context.fault(pattern.at,
                      "`" + pattern.value + "` has another format than the files before it",
                      "make a job for each format");
      }
      if (its && !format) format = its;
    }
    input.format = format.value_or(FileFormat::csv);
  }
  if (input.format != FileFormat::csv) {
    constexpr const char* reason = " works with CSV files only";
    if (raw.header) context.fault(raw.header->at, std::string("`header`") + reason, "remove it");
    if (raw.delimiter)
      context.fault(raw.delimiter->at, std::string("`delimiter`") + reason, "remove it");
  }
  if (input.format == FileFormat::parquet && raw.nulls) {
    context.fault(raw.nulls->at, "`nulls` does not work with Parquet files",
                  "Parquet has its own NULL; remove it");
  }
  if (raw.header) input.header = raw.header->value;
  if (raw.delimiter) input.delimiter = std::move(raw.delimiter->value);
  if (raw.nulls) input.nulls = std::move(raw.nulls->value);
  return input;
}

// Exactly one of table, tables, query, files.
void choose_input(RawSource& raw, const YamlNode& node, ReadContext& context, SourceSpec& source) {
  std::vector<std::pair<std::string, Location>> found;
  if (raw.table) found.emplace_back("table", raw.table->at);
  if (raw.tables) found.emplace_back("tables", raw.tables->at);
  if (raw.query) found.emplace_back("query", raw.query->at);
  if (raw.files) found.emplace_back("files", raw.files->at);
  if (found.size() > 1) {
    context.fault(found[1].second,
                  "`from` has both `" + found[0].first + "` and `" + found[1].first + "`",
                  "keep one of them; a job has one input");
  } else if (found.empty()) {
    if (node.kind != YamlKind::map) return;
    // A key that is there but was not understood has its own fault.
    const bool attempted =
        node.find("table") || node.find("tables") || node.find("query") || node.find("files");
    if (!attempted) {
      context.fault(node.at, "`from` does not say what to read",
                    "add one of table, tables, query or files");
    }
    return;
  }
  source.input_at = found[0].second;
  if (raw.table) {
    source.input = TableInput{std::move(*raw.table)};
  } else if (raw.tables) {
    source.input = TablesInput{std::move(raw.tables->value),
                               raw.except ? raw.except->value : std::vector<Name>{}};
  } else if (raw.query) {
    source.input = QueryInput{std::move(raw.query->value)};
  } else {
    source.input = files_input(raw, context);
  }
}

// Keys that say something only beside another one.
void check_company(const RawSource& raw, ReadContext& context) {
  const auto needs = [&](const auto& field, const char* key, bool present, const char* needed) {
    if (!field || present) return;
    context.fault(field->at, std::string("`") + key + "` means nothing without `" + needed + "`",
                  std::string("add ") + needed + ", or remove " + key);
  };
  const bool files = raw.files.has_value();
  const bool watermark = raw.watermark.has_value();
  needs(raw.except, "except", raw.tables.has_value(), "tables");
  needs(raw.nulls, "nulls", files, "files");
  needs(raw.format, "format", files, "files");
  needs(raw.header, "header", files, "files");
  needs(raw.delimiter, "delimiter", files, "files");
  needs(raw.null_cursor, "null_cursor", watermark, "watermark");
  needs(raw.timezone, "timezone", watermark, "watermark");
  needs(raw.allow_seq_scan, "allow_seq_scan", watermark, "watermark");
  if (files && watermark) {
    context.fault(raw.watermark->at, "`watermark` does not work with `files`",
                  "remove it: each file is loaded once, found by path, size and content");
  }
}

bool to_source(RawSource&& raw, const YamlNode& node, ReadContext& context, SourceSpec& source) {
  const std::size_t faults_before = context.fault_count();
  check_company(raw, context);
  choose_input(raw, node, context, source);
  source.connection = std::move(raw.connection);
  source.watermark = std::move(raw.watermark);
  for (MapItem<Name>& column : raw.columns)
    source.columns.push_back({std::move(column.key), std::move(column.value)});
  source.min_guarantee = raw.min_guarantee;
  if (raw.null_cursor) source.null_cursor = raw.null_cursor->value;
  source.timezone = std::move(raw.timezone);
  if (raw.allow_seq_scan) source.allow_seq_scan = raw.allow_seq_scan->value;
  source.split_by = std::move(raw.split_by);
  if (raw.readers) source.readers = static_cast<int>(raw.readers->value);
  return context.fault_count() == faults_before;
}

ValueSpec<std::string> delimiter_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "one character"};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            const bool one = node.kind == YamlKind::scalar && node.text.size() == 1;
            if (!one)
              return config::wrong_value(node, context, name, doc,
                                         "a tab is written \"\\t\", with double quotes");
            out = node.text;
            return true;
          }};
}

void add_input_fields(ConfigSpec<RawSource>& spec) {
  spec.field("connection", &RawSource::connection, config::text("the name of a connection"),
             {.required = true, .description = "The connection to read from.", .example = "shop"})
      .field("table", &RawSource::table, config::text("the name of a table"),
             {.description = "One table, `[schema.]table`.", .example = "public.orders"})
      .field("tables", &RawSource::tables,
             config::list_or_one(config::name(), "a list of tables or patterns"),
             {.description = "Many tables, each a stream of its own with its own watermark; `*` "
                             "stands for any text.",
              .example = "[public.*]"})
      .field("except", &RawSource::except,
             config::list_or_one(config::name(), "a list of tables or patterns"),
             {.description = "Tables that `tables` would take and should not.",
              .example = "[public.tmp_*]"})
      .field("query", &RawSource::query, config::sql(SqlRole::source_query),
             {.description = "A SELECT in the source's own SQL, or the name of a `.sql` file. "
                             "Tidemark adds the window; "
                             "the query never mentions it.",
              .example = "select * from shipments"})
      .field("files", &RawSource::files,
             config::list_or_one(config::name(), "a file pattern or a list of them"),
             {.description = "Files below the connection's folder, with `*`, `?`, `[...]` and "
                             "`**`. Each file is loaded once.",
              .example = "readings-*.csv"});
}

void add_file_fields(ConfigSpec<RawSource>& spec) {
  spec.field("format", &RawSource::format,
             config::choice<FileFormat>({{"csv", FileFormat::csv},
                                         {"json", FileFormat::json},
                                         {"parquet", FileFormat::parquet}}),
             {.default_note = "by the files' names",
              .description = "The format of `files`.",
              .example = "csv"})
      .field("columns", &RawSource::columns,
             config::map_of(config::type_name(), "a mapping of columns to types"),
             {.default_note = "found out from the data, then pinned at the first load",
              .description = "Types of columns the source does not type itself.",
              .example = "{zip: varchar}"})
      .field("nulls", &RawSource::nulls, config::list_or_one(config::any_text(), "a list of texts"),
             {.description = "Texts in the files that mean NULL.", .example = "[NA]"})
      .field("header", &RawSource::header, config::boolean(),
             {.default_note = "found out from the file",
              .description = "Whether the first line of a CSV file names its columns.",
              .example = "true"})
      .field("delimiter", &RawSource::delimiter, delimiter_value(),
             {.default_note = "found out from the file",
              .description = "What stands between the values of a CSV file.",
              .example = "\";\""});
}

void add_watermark_fields(ConfigSpec<RawSource>& spec) {
  spec.field("watermark", &RawSource::watermark, config::text("a column or an expression"),
             {.default_note = "none: every run reads everything",
              .description = "The column that tells new rows from rows already loaded. Each run "
                             "reads one window of it. PostgreSQL and MySQL also take an "
                             "expression, such as `coalesce(updated_at, created_at)`, and "
                             "PostgreSQL `xmin`.",
              .example = "updated_at"})
      .field("null_cursor", &RawSource::null_cursor,
             config::choice<NullCursor>({{"fail", NullCursor::fail},
                                         {"every_run", NullCursor::every_run},
                                         {"once", NullCursor::once}}),
             {.default_note = "fail",
              .description = "What becomes of rows whose watermark column is NULL, since they "
                             "belong to no window: the run "
                             "fails, every run reads them, or the first run reads them.",
              .example = "every_run"})
      .field(
          "timezone", &RawSource::timezone, timezone_value(),
          {.default_note = "none",
           .description = "The zone of a watermark column that holds local times. Without it such "
                          "a watermark is best-effort.",
           .example = "Europe/Berlin"})
      .field("allow_seq_scan", &RawSource::allow_seq_scan, config::boolean(),
             {.default_note = "false",
              .description = "Whether each run may read the whole of a large table to find what is "
                             "new, because the watermark has no index.",
              .example = "true"})
      .field("min_guarantee", &RawSource::min_guarantee,
             config::choice<Guarantee>({{"exact", Guarantee::exact},
                                        {"exact-upsert", Guarantee::exact_upsert},
                                        {"bounded", Guarantee::bounded},
                                        {"best-effort", Guarantee::best_effort}}),
             {.default_note = "best-effort",
              .description = "The weakest guarantee you accept. A job that earns a weaker one is "
                             "refused at plan.",
              .example = "exact"});
}

void add_read_fields(ConfigSpec<RawSource>& spec) {
  constexpr std::int64_t readers_max = 64;
  spec.field("readers", &RawSource::readers, config::integer(1, readers_max),
             {.default_note = "2",
              .description = "How many sessions read a large table at a time, each a part of it, "
                             "all under one snapshot. Those beyond the first are taken only while "
                             "`connections` of the guard leaves them free.",
              .example = "4"})
      .field("split_by", &RawSource::split_by, config::text("a column"),
             {.default_note = "none: a table is split by its pages, all else is read in one piece",
              .description = "The column that parts of a view, a query or a table are told apart "
                             "by: a date, the number of a shard, a key. It is cut at its "
                             "quantiles, which costs one more pass over the rows.",
              .example = "ordered_on"});
}

}  // namespace

ValueSpec<SourceSpec> source_value() {
  ConfigSpec<RawSource> spec(
      "from", "What a job reads. Exactly one of `table`, `tables`, `query` and `files`.",
      "connection: shop\ntable: public.orders\nwatermark: updated_at\n");
  add_input_fields(spec);
  add_watermark_fields(spec);
  add_read_fields(spec);
  add_file_fields(spec);
  return config::converted<SourceSpec, RawSource>(config::object(std::move(spec)), to_source);
}

}  // namespace tidemark
