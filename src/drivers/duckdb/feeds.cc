#include "drivers/duckdb/feeds.h"

#include <string>
#include <utility>

#include "drivers/duckdb/batches.h"
#include "drivers/duckdb/types.h"

namespace tidemark::duck {

namespace {

using EntryPointer = std::shared_ptr<FeedRegistry::Entry>;

// Its own state per scan: the writer's column wrappers are reused from chunk to chunk.
struct ScanState {
  explicit ScanState(EntryPointer from)
      : entry(std::move(from)),
        writer(entry->schema.columns.size(), entry->reject),
        reader(entry->schema) {}
  EntryPointer entry;
  ChunkWriter writer;
  ChunkReader reader;
  bool ended = false;
};

void bind(duckdb_bind_info info) {
  auto& registry = *static_cast<FeedRegistry*>(duckdb_bind_get_extra_info(info));
  ValueHandle id(duckdb_bind_get_parameter(info, 0));
  EntryPointer entry = registry.find(duckdb_get_uint64(id.get()));
  if (!entry) {
    duckdb_bind_set_error(info, "tidemark_feed: no such feed");
    return;
  }
  for (const Column& column : entry->schema.columns) {
    TypeHandle logical = to_logical(column.type);
    duckdb_bind_add_result_column(info, column.name.c_str(), logical.get());
  }
  duckdb_bind_set_bind_data(info, new EntryPointer(std::move(entry)),
                            [](void* data) { delete static_cast<EntryPointer*>(data); });
}

void init(duckdb_init_info info) {
  // One thread decodes: the order of a source's rows is the order of its segments.
  duckdb_init_set_max_threads(info, 1);
  auto& entry = *static_cast<EntryPointer*>(duckdb_init_get_bind_data(info));
  duckdb_init_set_init_data(info, new ScanState(entry),
                            [](void* data) { delete static_cast<ScanState*>(data); });
}

Result<std::size_t> fill(ScanState& state, duckdb_data_chunk output) {
  FeedRegistry::Entry& entry = *state.entry;
  state.writer.attach(output);
  TM_TRY(const std::size_t rows, entry.feed(state.writer));
  duckdb_data_chunk_set_size(output, rows);
  if (rows > 0 && entry.also) {
    state.reader.attach(output);
    TM_CHECK(entry.also(state.reader));
  }
  return rows;
}

void scan(duckdb_function_info info, duckdb_data_chunk output) {
  auto& state = *static_cast<ScanState*>(duckdb_function_get_init_data(info));
  if (state.ended) {
    duckdb_data_chunk_set_size(output, 0);
    return;
  }
  Result<std::size_t> rows = std::size_t{0};
  try {
    rows = fill(state, output);
  } catch (const std::exception& problem) {
    rows = internal_error("engine.feed_threw", std::string("a feed threw: ") + problem.what());
  }
  if (!rows.ok()) {
    state.entry->error = std::move(rows).error();
    duckdb_function_set_error(info, state.entry->error->message.c_str());
    return;
  }
  state.ended = *rows == 0;
}

}  // namespace

std::uint64_t FeedRegistry::add(Entry entry) {
  const std::lock_guard lock(mutex_);
  entries_.emplace(++last_id_, std::make_shared<Entry>(std::move(entry)));
  return last_id_;
}

void FeedRegistry::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

std::shared_ptr<FeedRegistry::Entry> FeedRegistry::find(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second;
}

Status FeedRegistry::install(duckdb_connection connection, FeedRegistry& registry) {
  TableFunctionHandle function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), "tidemark_feed");
  TypeHandle id(duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT));
  duckdb_table_function_add_parameter(function.get(), id.get());
  duckdb_table_function_set_extra_info(function.get(), &registry, nullptr);
  duckdb_table_function_set_bind(function.get(), bind);
  duckdb_table_function_set_init(function.get(), init);
  duckdb_table_function_set_function(function.get(), scan);
  if (duckdb_register_table_function(connection, function.get()) != DuckDBSuccess) {
    return internal_error("engine.feed", "the engine refused the feed function");
  }
  return {};
}

}  // namespace tidemark::duck
