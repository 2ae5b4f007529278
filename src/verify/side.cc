#include "verify/side.h"

#include <utility>

namespace tidemark {
namespace {

class EngineSide final : public Side {
 public:
  explicit EngineSide(std::string relation) : relation_(std::move(relation)) {}
  Status scan(const std::vector<RowRange>&, const Use& use, Cancel& cancel) override {
    TM_CHECK(cancel.check());
    return use(relation_);
  }

 private:
  std::string relation_;
};

class SourceSide final : public Side {
 public:
  SourceSide(Source& source, Window window, duck::Connection& engine)
      : source_(source), window_(std::move(window)), engine_(engine) {}

  Status scan(const std::vector<RowRange>& ranges, const Use& use, Cancel& cancel) override {
    source_.keep_to(ranges);
    TM_TRY(const Schema schema, source_.discover(cancel));
    TM_TRY(const std::vector<Split> splits, source_.split(window_, cancel));
    for (const Split& split : splits) {
      TM_TRY(Extraction extraction, source_.open(split, cancel));
      TM_CHECK(scan_split(extraction, schema, use, cancel));
    }
    return source_.verify(window_, cancel);
  }

 private:
  Status scan_split(Extraction& extraction, const Schema& schema, const Use& use, Cancel& cancel) {
    if (const auto* scan = std::get_if<EngineScan>(&extraction)) return scan_engine(*scan, use);
    auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
    TM_TRY(const std::string from,
           engine_.register_feed(
               schema, [&](BatchWriter& writer) { return reader->next(writer, cancel); },
               [](const RejectedRow&) {}));
    Status used = use(from);
    engine_.release_feed(from);
    return used;
  }

  Status scan_engine(const EngineScan& scan, const Use& use) {
    for (const std::string& sql : scan.setup)
      TM_CHECK(engine_.execute(sql));
    Status used = use("(" + scan.rows + ")");
    for (const std::string& sql : scan.teardown) {
      Status ended = engine_.execute(sql);
      if (used.ok() && !ended.ok()) used = std::move(ended);
    }
    return used;
  }

  Source& source_;
  Window window_;
  duck::Connection& engine_;
};

// The columns of `schema` from rows that have them in types of their own.
std::string projection(const Schema& schema, const Schema& present) {
  std::string list;
  for (const Column& column : schema.columns) {
    const std::string name = duck::quote_name(column.name);
    const auto at = present.find(column.name);
    std::string value = name;
    if (!at) {
      value = "CAST(NULL AS " + sql_name(column.type) + ")";
    } else if (present.columns[*at].type != column.type) {
      value = "TRY_CAST(" + name + " AS " + sql_name(column.type) + ")";
    }
    list += (list.empty() ? "" : ", ") + value + " AS " + name;
  }
  return list;
}

class TargetSide final : public Side {
 public:
  TargetSide(std::unique_ptr<Source> source, std::string relation, std::string columns,
             duck::Connection& engine)
      : source_(std::move(source)),
        relation_(std::move(relation)),
        columns_(std::move(columns)),
        rows_(source_ ? source_side(*source_, Window{}, engine) : engine_side(relation_)) {}

  Status scan(const std::vector<RowRange>& ranges, const Use& use, Cancel& cancel) override {
    return rows_->scan(
        ranges,
        [&](const std::string& from) { return use("(SELECT " + columns_ + " FROM " + from + ")"); },
        cancel);
  }

 private:
  std::unique_ptr<Source> source_;
  std::string relation_;
  std::string columns_;
  std::unique_ptr<Side> rows_;
};

}  // namespace

std::unique_ptr<Side> source_side(Source& source, Window window, duck::Connection& engine) {
  return std::make_unique<SourceSide>(source, std::move(window), engine);
}

std::unique_ptr<Side> engine_side(std::string relation) {
  return std::make_unique<EngineSide>(std::move(relation));
}

Result<std::unique_ptr<Side>> target_side(TargetRows rows, const Schema& schema,
                                          duck::Connection& engine, Cancel& cancel) {
  std::unique_ptr<Source> source;
  std::string relation;
  Schema present;
  if (auto* from = std::get_if<std::unique_ptr<Source>>(&rows)) {
    source = std::move(*from);
    TM_TRY(present, source->discover(cancel));
  } else {
    relation = std::get<std::string>(rows);
    TM_TRY(present, engine.describe("SELECT * FROM " + relation));
  }
  return std::unique_ptr<Side>(std::make_unique<TargetSide>(std::move(source), std::move(relation),
                                                            projection(schema, present), engine));
}

}  // namespace tidemark
