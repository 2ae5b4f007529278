#include "drivers/duckdb/batch.h"

#include <utility>
#include <vector>

#include "drivers/duckdb/batches.h"
#include "drivers/duckdb/types.h"

namespace tidemark::duck {
namespace {

ChunkHandle make_chunk(const Schema& schema) {
  std::vector<TypeHandle> types;
  std::vector<duckdb_logical_type> handles;
  for (const Column& column : schema.columns) {
    types.push_back(to_logical(column.type));
    handles.push_back(types.back().get());
  }
  return ChunkHandle(duckdb_create_data_chunk(handles.data(), handles.size()));
}

}  // namespace

struct Batch::Impl {
  Impl(const Schema& of, std::function<void(const RejectedRow&)> rejected)
      : schema(of),
        reject(std::move(rejected)),
        chunk(make_chunk(schema)),
        writer(schema.columns.size(), reject),
        reader(schema) {}

  const Schema schema;
  const std::function<void(const RejectedRow&)> reject;
  const ChunkHandle chunk;
  ChunkWriter writer;
  ChunkReader reader;
};

Batch::Batch(const Schema& schema, std::function<void(const RejectedRow&)> reject)
    : impl_(std::make_unique<Impl>(schema, std::move(reject))) {}
Batch::~Batch() = default;

BatchWriter& Batch::clear() {
  duckdb_data_chunk_reset(impl_->chunk.get());
  impl_->writer.attach(impl_->chunk.get());
  return impl_->writer;
}

const BatchReader& Batch::filled(std::size_t rows) {
  duckdb_data_chunk_set_size(impl_->chunk.get(), rows);
  impl_->reader.attach(impl_->chunk.get());
  return impl_->reader;
}

}  // namespace tidemark::duck
