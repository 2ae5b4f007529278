#include "postgres_rows.h"

#include <libpq-fe.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "fail.h"

namespace tidemark::bench {
namespace {

// As pg_type.dat numbers them.
enum KnownType : Oid {
  oid_bool = 16,
  oid_int8 = 20,
  oid_int2 = 21,
  oid_int4 = 23,
  oid_text = 25,
  oid_json = 114,
  oid_float4 = 700,
  oid_float8 = 701,
  oid_bpchar = 1042,
  oid_varchar = 1043,
  oid_date = 1082,
  oid_timestamp = 1114,
  oid_timestamptz = 1184,
  oid_numeric = 1700,
  oid_jsonb = 3802,
};

constexpr std::int64_t days_to_2000 = 10957;
constexpr std::int64_t micros_to_2000 = days_to_2000 * 86'400'000'000;

// Takes numbers in network order off the front of what is left.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}
  template <class Signed>
  Signed number() {
    std::make_unsigned_t<Signed> value = 0;
    for (const char byte : take(sizeof(Signed)))
      value = static_cast<std::make_unsigned_t<Signed>>(static_cast<std::uint64_t>(value) << 8U |
                                                        static_cast<unsigned char>(byte));
    return static_cast<Signed>(value);
  }
  std::string_view take(std::size_t count) {
    if (count > left_.size()) fail("a message of COPY is too short");
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  bool empty() const { return left_.empty(); }

 private:
  std::string_view left_;
};

void add_numeric(CanonicalRow& row, std::string_view value) {
  Bytes bytes(value);
  const auto digits = bytes.number<std::int16_t>();
  const auto weight = bytes.number<std::int16_t>();
  const auto sign = static_cast<std::uint16_t>(bytes.number<std::int16_t>());
  bytes.take(2);  // the scale it is shown with, which is no part of the value
  if (sign == 0xC000) return row.no_number("NaN");
  if (sign == 0xD000) return row.no_number("Infinity");
  if (sign == 0xF000) return row.no_number("-Infinity");
  Int128 unscaled = 0;
  const auto shift = [&](int digit) {
    if (__builtin_mul_overflow(unscaled, static_cast<Int128>(10'000), &unscaled) ||
        __builtin_add_overflow(unscaled, static_cast<Int128>(digit), &unscaled))
      fail("a numeric of more than 38 digits has no canonical value here");
  };
  for (int at = 0; at < digits; ++at)
    shift(bytes.number<std::int16_t>());
  if (digits == 0) return row.number(0, 0);
  // What the last digit stands for, as a power of 10,000; zeros before the point are not sent.
  int power = weight - digits + 1;
  for (; power > 0; --power)
    shift(0);
  row.number(sign == 0x4000 ? -unscaled : unscaled, -4 * power);
}

void add_value(CanonicalRow& row, Oid type, std::string_view value, CharBlanks blanks) {
  Bytes bytes(value);
  switch (type) {
    case oid_bool:
      return row.boolean(bytes.number<signed char>() != 0);
    case oid_int2:
      return row.number(bytes.number<std::int16_t>(), 0);
    case oid_int4:
      return row.number(bytes.number<std::int32_t>(), 0);
    case oid_int8:
      return row.number(bytes.number<std::int64_t>(), 0);
    case oid_float4: {
      const auto bits = bytes.number<std::int32_t>();
      float real = 0;
      std::memcpy(&real, &bits, sizeof real);
      return row.real(real);
    }
    case oid_float8: {
      const auto bits = bytes.number<std::int64_t>();
      double real = 0;
      std::memcpy(&real, &bits, sizeof real);
      return row.real(real);
    }
    case oid_numeric:
      return add_numeric(row, value);
    case oid_date: {
      const auto days = bytes.number<std::int32_t>();
      if (days == INT32_MAX) return row.date(after_all);
      if (days == INT32_MIN) return row.date(before_all);
      return row.date(days + days_to_2000);
    }
    case oid_timestamp:
    case oid_timestamptz: {
      auto micros = bytes.number<std::int64_t>();
      if (micros != after_all && micros != before_all) micros += micros_to_2000;
      return type == oid_timestamp ? row.timestamp(micros) : row.timestamptz(micros);
    }
    case oid_jsonb:
      bytes.take(1);  // its version
      return row.text(value.substr(1));
    case oid_bpchar:
      if (blanks == CharBlanks::ignore) value = value.substr(0, value.find_last_not_of(' ') + 1);
      return row.text(value);
    case oid_text:
    case oid_varchar:
    case oid_json:
      return row.text(value);
    default:
      fail("a column of the type " + std::to_string(type) + " has no canonical value here");
  }
}

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

Answer ask(PGconn* connection, const std::string& sql, ExecStatusType wanted) {
  Answer answer(PQexec(connection, sql.c_str()), &PQclear);
  if (PQresultStatus(answer.get()) != wanted) fail(sql + ": " + PQerrorMessage(connection));
  return answer;
}

}  // namespace

std::string postgres_sum(const std::string& table_or_select, CharBlanks blanks) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb("application_name='tidemark checksum'"), &PQfinish);
  PGconn* session = connection.get();
  if (PQstatus(session) != CONNECTION_OK) fail(PQerrorMessage(session));
  ask(session, "begin isolation level repeatable read, read only", PGRES_COMMAND_OK);
  const std::string select = select_of(table_or_select);
  std::vector<Oid> types;
  {
    const Answer none =
        ask(session, "select * from (" + select + ") rows limit 0", PGRES_TUPLES_OK);
    for (int at = 0; at < PQnfields(none.get()); ++at)
      types.push_back(PQftype(none.get(), at));
  }
  ask(session, "copy (" + select + ") to stdout (format binary)", PGRES_COPY_OUT);
  TableSum sum;
  CanonicalRow row;
  constexpr std::size_t header_bytes = 19;
  bool first = true;
  bool ended = false;
  char* buffer = nullptr;
  int length = 0;
  while ((length = PQgetCopyData(session, &buffer, 0)) > 0) {
    const std::unique_ptr<char, decltype(&PQfreemem)> owned(buffer, &PQfreemem);
    Bytes bytes({buffer, static_cast<std::size_t>(length)});
    if (first) bytes.take(header_bytes);
    first = false;
    while (!bytes.empty()) {
      const auto columns = bytes.number<std::int16_t>();
      if (columns == -1) {
        ended = true;
        break;
      }
      if (static_cast<std::size_t>(columns) != types.size()) fail("a row has other columns");
      row.clear();
      for (const Oid type : types) {
        const auto size = bytes.number<std::int32_t>();
        if (size < 0)
          row.null();
        else
          add_value(row, type, bytes.take(static_cast<std::size_t>(size)), blanks);
      }
      sum.add(row);
    }
  }
  const Answer last(PQgetResult(session), &PQclear);
  if (length != -1 || !ended || PQresultStatus(last.get()) != PGRES_COMMAND_OK)
    fail(std::string("COPY did not end well: ") + PQerrorMessage(session));
  return sum.text(types.size());
}

}  // namespace tidemark::bench
