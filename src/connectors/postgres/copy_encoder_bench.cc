// The encoder alone, from plain memory: rows of nine columns as in an ordinary table of orders, and
// values of the types that cost most.
#include "connectors/postgres/copy_encoder.h"

#include <cstring>

#include "base/kernel_bench.h"

namespace tidemark::postgres {
namespace {

constexpr std::size_t rows_in_batch = 2048;

class PlainColumn : public ColumnReader {
 public:
  template <class T>
  static PlainColumn of(const std::function<T(std::size_t)>& value) {
    PlainColumn column;
    column.data_.resize(rows_in_batch * sizeof(T));
    for (std::size_t row = 0; row < rows_in_batch; ++row) {
      const T one = value(row);
      std::memcpy(column.data_.data() + row * sizeof(T), &one, sizeof(T));
    }
    return column;
  }
  static PlainColumn of_text(std::string text) {
    PlainColumn column;
    column.text_ = std::move(text);
    return column;
  }
  const void* data() const override { return data_.data(); }
  const std::uint64_t* validity() const override { return nullptr; }
  std::string_view bytes(std::size_t) const override { return text_; }
  ListView list(std::size_t) const override { return {}; }

 private:
  std::vector<char> data_;
  std::string text_;
};

class PlainBatch : public BatchReader {
 public:
  explicit PlainBatch(std::vector<PlainColumn> columns) : columns_(std::move(columns)) {}
  std::size_t rows() const override { return rows_in_batch; }
  const ColumnReader& column(std::size_t index) const override { return columns_[index]; }

 private:
  std::vector<PlainColumn> columns_;
};

struct EncodedColumn {
  CopyColumn column;
  PlainColumn values;
};

template <class T>
PlainColumn numbers(T first, T step) {
  return PlainColumn::of<T>([=](std::size_t row) { return first + static_cast<T>(row) * step; });
}

KernelEntry encodes(const std::string& name, const std::vector<EncodedColumn>& columns) {
  return {"postgres_encode_" + name, [columns](Kernel& kernel) {
            std::vector<CopyColumn> targets;
            std::vector<PlainColumn> values;
            for (const EncodedColumn& one : columns) {
              targets.push_back(one.column);
              values.push_back(one.values);
            }
            CopyEncoder encoder(std::move(targets));
            const PlainBatch batch(std::move(values));
            ByteBuffer out;
            kernel.measure(rows_in_batch, [&] {
              out.clear();
              const Status status = encoder.encode(batch, out);
              if (!status.ok()) kernel.fail(status.error().message);
            });
          }};
}

EncodedColumn whole(const char* name, TypeKind kind, Wire wire, PlainColumn values) {
  return {{name, Type::of(kind), {wire}}, std::move(values)};
}

EncodedColumn price() {
  return {{"price", Type::decimal(15, 2), {Wire::numeric}}, numbers<std::int64_t>(1'234'567, 7919)};
}

EncodedColumn remark() {
  return whole("remark", TypeKind::varchar, Wire::text,
               PlainColumn::of_text("a remark of some thirty letters"));
}

EncodedColumn moment() {
  return whole("at", TypeKind::timestamptz, Wire::timestamp,
               numbers<std::int64_t>(1'700'000'000'000'000, 1'000'003));
}

const KernelEntry rows = encodes(
    "row",
    {whole("id", TypeKind::int64, Wire::int8, numbers<std::int64_t>(1, 1)),
     whole("customer", TypeKind::int32, Wire::int4, numbers<std::int32_t>(1, 3)), price(), price(),
     moment(), whole("day", TypeKind::date, Wire::date, numbers<std::int32_t>(19'000, 1)),
     whole("weight", TypeKind::float64, Wire::float8, numbers<double>(0.5, 0.25)),
     whole("state", TypeKind::varchar, Wire::text, PlainColumn::of_text("shipped")), remark()});
const KernelEntry short_numeric = encodes("numeric_15_2", {price()});
const KernelEntry long_numeric =
    encodes("numeric_38_10",
            {{{"n", Type::decimal(38, 10), {Wire::numeric}},
              numbers<__int128>(static_cast<__int128>(1'234'567'890'123'456) * 1'000'000'000'000,
                                987'654'321)}});
const KernelEntry timestamp = encodes("timestamp", {moment()});
const KernelEntry text = encodes("text", {remark()});
const KernelEntry jsonb = encodes(
    "jsonb",
    {whole(
        "j", TypeKind::json, Wire::jsonb,
        PlainColumn::of_text(
            R"({"id": 17, "kind": "page_view", "path": "/shop/item/17", "seconds": 12.75, "tags": ["new", "sale"], "user": {"name": "someone", "age": null}})"))});

}  // namespace
}  // namespace tidemark::postgres
