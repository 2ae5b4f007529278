#include "connect/load_ahead.h"

namespace tidemark {

namespace {

// What stands as long as whoever is called has not returned.
Error threw() {
  return internal_error("engine.feed_threw", "reading rows, or staging them, threw an exception",
                        Retry::backoff, "give the machine more memory, or run fewer jobs at once");
}

}  // namespace

Result<RelationAhead> RelationAhead::make(duck::Connection& engine, const Schema& schema,
                                          RowsAhead rows) {
  RelationAhead relation(engine);
  const auto next = [state = relation.state_, next = std::move(rows.next)](BatchWriter& batch) {
    state->of_rows = threw();
    auto read = next(batch);
    state->of_rows = read.ok() ? std::nullopt : std::optional(read.error());
    state->ended = read.ok() && *read == 0;
    return read;
  };
  const auto also = [state = relation.state_,
                     also = std::move(rows.also)](const BatchReader& batch) {
    state->of_rows = threw();
    Status shown = also(batch);
    state->of_rows = shown.ok() ? std::nullopt : std::optional(shown.error());
    return shown;
  };
  TM_TRY(relation.name_, engine.register_feed(schema, next, std::move(rows.reject), also));
  return relation;
}

RelationAhead::RelationAhead(RelationAhead&& other) noexcept
    : engine_(std::exchange(other.engine_, nullptr)),
      name_(std::move(other.name_)),
      state_(std::move(other.state_)) {}

// The engine need not read what it can tell to give no rows.
Status RelationAhead::all_read(Status done) const {
  if (!done.ok() || state_->ended) return done;
  return internal_error("engine.rows_unread", "the steps take none of the rows");
}

RelationAhead::~RelationAhead() {
  if (engine_ != nullptr && !name_.empty()) engine_->release_feed(name_);
}

}  // namespace tidemark
