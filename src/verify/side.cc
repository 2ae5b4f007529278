#include "verify/side.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "connect/fit.h"
#include "run/split_reads.h"
#include "verify/digest.h"

namespace tidemark {
namespace {

class EngineSide final : public Side {
 public:
  EngineSide(std::string relation, duck::Connection& engine)
      : relation_(std::move(relation)), engine_(engine) {}
  Status scan(const std::vector<RowRange>&, Readers, const Use& use, Cancel& cancel) override {
    TM_CHECK(cancel.check());
    return use(engine_, relation_);
  }

 private:
  std::string relation_;
  duck::Connection& engine_;
};

Status use_reader(Reader& reader, const Schema& schema, duck::Connection& engine,
                  const Side::Use& use, Cancel& cancel) {
  TM_TRY(const std::string from,
         engine.register_feed(
             schema, [&](BatchWriter& writer) { return reader.next(writer, cancel); },
             [](const RejectedRow&) {}));
  Status used = use(engine, from);
  engine.release_feed(from);
  return used;
}

Status use_scan(const EngineScan& scan, duck::Connection& engine, const Side::Use& use) {
  for (const std::string& sql : scan.setup)
    TM_CHECK(engine.execute(sql));
  Status used = use(engine, "(" + scan.rows + ")");
  for (const std::string& sql : scan.teardown) {
    Status ended = engine.execute(sql);
    if (used.ok() && !ended.ok()) used = std::move(ended);
  }
  return used;
}

// Each split is used whole or not at all: one statement takes its rows.
class UsedSplits final : public SplitUse {
 public:
  UsedSplits(std::vector<Split> splits, Schema schema, const Side::Use& use)
      : splits_(std::move(splits)), schema_(std::move(schema)), use_(use) {
    for (std::size_t number = 0; number < splits_.size(); ++number)
      left_.push_back({number, std::nullopt});
  }

  const std::vector<Split>& splits() const override { return splits_; }

  std::vector<SplitLeft> left() const override {
    const std::lock_guard lock(mutex_);
    return left_;
  }

  Status take(duck::Connection& engine, std::size_t number, Extraction& extraction,
              Cancel& cancel) override {
    if (const auto* scan = std::get_if<EngineScan>(&extraction)) {
      TM_CHECK(use_scan(*scan, engine, use_));
    } else {
      TM_CHECK(use_reader(*std::get<std::unique_ptr<Reader>>(extraction), schema_, engine, use_,
                          cancel));
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(left_, [&](const SplitLeft& left) { return left.number == number; });
    return {};
  }

 private:
  const std::vector<Split> splits_;
  const Schema schema_;
  const Side::Use& use_;
  mutable std::mutex mutex_;
  std::vector<SplitLeft> left_;  // guarded by mutex_
};

class SourceSide final : public Side {
 public:
  SourceSide(Source& source, Window window, const SideEngine& engine)
      : source_(source), window_(std::move(window)), engine_(engine) {}
  // All rows of a source of its own.
  SourceSide(std::unique_ptr<Source> source, const SideEngine& engine)
      : own_(std::move(source)), source_(*own_), engine_(engine) {}

  Status scan(const std::vector<RowRange>& ranges, Readers readers, const Use& use,
              Cancel& cancel) override {
    source_.keep_to(ranges);
    TM_TRY(Schema schema, source_.discover(cancel));
    TM_TRY(std::vector<Split> splits, source_.split(window_, cancel));
    UsedSplits used(std::move(splits), std::move(schema), use);
    SplitReads reads(source_, used, engine_.engine, {}, cancel);
    const int readers_max = readers == Readers::all ? std::numeric_limits<int>::max() : 1;
    TM_CHECK(reads.read(engine_.connection, readers_max));
    return source_.verify(window_, cancel);
  }

 private:
  std::unique_ptr<Source> own_;
  Source& source_;
  Window window_;
  SideEngine engine_;
};

// The columns of `schema` from rows that have them in types of their own; `cast` is SQL's.
std::string projection(const Schema& schema, const Schema& present, const char* cast) {
  std::string list;
  for (const Column& column : schema.columns) {
    const std::string name = duck::quote_name(column.name);
    const std::string type = sql_name(column.type);
    const auto at = present.find(column.name);
    std::string value = name;
    if (!at) {
      value = "CAST(NULL AS " + type + ")";
    } else if (present.columns[*at].type != column.type) {
      value = cast + ("(" + name + " AS " + type + ")");
    }
    list += (list.empty() ? "" : ", ") + value + " AS " + name;
  }
  return list;
}

class ProjectedSide final : public Side {
 public:
  ProjectedSide(std::unique_ptr<Side> rows, std::string columns)
      : rows_(std::move(rows)), columns_(std::move(columns)) {}

  Status scan(const std::vector<RowRange>& ranges, Readers readers, const Use& use,
              Cancel& cancel) override {
    const Use projected = [&](duck::Connection& engine, const std::string& from) {
      return use(engine, "(SELECT " + columns_ + " FROM " + from + ")");
    };
    return rows_->scan(ranges, readers, projected, cancel);
  }

 private:
  std::unique_ptr<Side> rows_;
  std::string columns_;
};

}  // namespace

std::unique_ptr<Side> source_side(Source& source, Window window, const SideEngine& engine) {
  return std::make_unique<SourceSide>(source, std::move(window), engine);
}

std::unique_ptr<Side> engine_side(std::string relation, duck::Connection& engine) {
  return std::make_unique<EngineSide>(std::move(relation), engine);
}

std::unique_ptr<Side> widened_side(std::unique_ptr<Side> rows, const Schema& present,
                                   const Schema& wanted) {
  Schema types = present;
  for (Column& column : types.columns) {
    if (const auto at = wanted.find(column.name)) column.type = wanted.columns[*at].type;
  }
  if (types == present) return rows;
  return std::make_unique<ProjectedSide>(std::move(rows), projection(types, present, "CAST"));
}

Result<std::unique_ptr<Side>> target_side(TargetRows rows, Schema& schema,
                                          const std::vector<std::string>& place,
                                          const SideEngine& engine, Cancel& cancel) {
  std::unique_ptr<Side> found;
  Schema present;
  if (auto* source = std::get_if<std::unique_ptr<Source>>(&rows)) {
    TM_TRY(present, (*source)->discover(cancel));
    found = std::make_unique<SourceSide>(std::move(*source), engine);
  } else {
    const std::string& relation = std::get<std::string>(rows);
    TM_TRY(present, engine.connection.describe("SELECT * FROM " + relation));
    found = engine_side(relation, engine.connection);
  }
  for (Column& column : schema.columns) {
    const auto at = present.find(column.name);
    if (!at || !can_hold(present.columns[*at].type, column.type)) continue;
    const bool places = std::find(place.begin(), place.end(), column.name) != place.end();
    if (places && Buckets::can_range(column) && !Buckets::can_range(present.columns[*at])) continue;
    column.type = present.columns[*at].type;
  }
  return std::unique_ptr<Side>(
      std::make_unique<ProjectedSide>(std::move(found), projection(schema, present, "TRY_CAST")));
}

}  // namespace tidemark
