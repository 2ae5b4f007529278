// RowStream: a prepared SELECT whose rows are fetched one by one into buffers of ours.
#include <errmsg.h>

#include <cstring>
#include <utility>
#include <variant>

#include "drivers/mysql/session.h"
#include "observe/statement_log.h"

namespace tidemark::mysql {
namespace {

constexpr std::size_t first_bytes = 64;
// A buffer that one huge value made larger is given back before the next row.
constexpr std::size_t kept_bytes_max = std::size_t{1} << 20;
constexpr unsigned binary_charset = 63;

FieldType bytes_type(const MYSQL_FIELD& field) {
  if ((field.flags & ENUM_FLAG) != 0) return FieldType::enumeration;
  if ((field.flags & SET_FLAG) != 0) return FieldType::set;
  // MariaDB's json is a longtext that says so, its uuid a char.
  MARIADB_CONST_STRING name{};
  if (mariadb_field_attr(&name, &field, MARIADB_FIELD_ATTR_FORMAT_NAME) == 0 &&
      std::string_view(name.str, name.length) == "json")
    return FieldType::json;
  if (mariadb_field_attr(&name, &field, MARIADB_FIELD_ATTR_DATA_TYPE_NAME) == 0 &&
      std::string_view(name.str, name.length) == "uuid")
    return FieldType::uuid;
  return field.charsetnr == binary_charset ? FieldType::binary : FieldType::text;
}

FieldType type_of(const MYSQL_FIELD& field) {
  switch (field.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
      return FieldType::integer;
    case MYSQL_TYPE_YEAR:
      return FieldType::year;
    case MYSQL_TYPE_BIT:
      return FieldType::bit;
    case MYSQL_TYPE_FLOAT:
      return FieldType::float32;
    case MYSQL_TYPE_DOUBLE:
      return FieldType::float64;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
      return FieldType::decimal;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
      return FieldType::date;
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_TIME2:
      return FieldType::time;
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
      return FieldType::datetime;
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
      return FieldType::timestamp;
    case MYSQL_TYPE_JSON:
      return FieldType::json;
    case MYSQL_TYPE_GEOMETRY:
      return FieldType::geometry;
    case MYSQL_TYPE_ENUM:
      return FieldType::enumeration;
    case MYSQL_TYPE_SET:
      return FieldType::set;
    case MYSQL_TYPE_NULL:
      return FieldType::text;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
      return bytes_type(field);
    default:
      return FieldType::other;
  }
}

int integer_bytes(const MYSQL_FIELD& field) {
  switch (field.type) {
    case MYSQL_TYPE_TINY:
      return 1;
    case MYSQL_TYPE_SHORT:
      return 2;
    case MYSQL_TYPE_INT24:
      return 3;
    case MYSQL_TYPE_LONG:
      return 4;
    default:
      return 8;
  }
}

// Where one column's value is put.
struct Place {
  std::variant<std::int64_t, float, double, MYSQL_TIME, std::string> value;
  unsigned long length = 0;
  my_bool null = 0;
  my_bool cut = 0;
};

Place place_for(const Field& field) {
  Place place;
  switch (field.type) {
    case FieldType::integer:
    case FieldType::year:
      place.value = std::int64_t{0};
      break;
    case FieldType::float32:
      place.value = 0.0F;
      break;
    case FieldType::float64:
      place.value = 0.0;
      break;
    case FieldType::date:
    case FieldType::time:
    case FieldType::datetime:
    case FieldType::timestamp:
      place.value = MYSQL_TIME{};
      break;
    default:
      place.value = std::string(first_bytes, '\0');
      break;
  }
  return place;
}

MYSQL_BIND bind_to(Place& place, const Field& field) {
  MYSQL_BIND bind{};
  bind.length = &place.length;
  bind.is_null = &place.null;
  bind.error = &place.cut;
  bind.is_unsigned = field.is_unsigned ? 1 : 0;
  if (auto* integer = std::get_if<std::int64_t>(&place.value)) {
    bind.buffer_type = MYSQL_TYPE_LONGLONG;
    bind.buffer = integer;
    bind.buffer_length = sizeof(*integer);
  } else if (auto* single = std::get_if<float>(&place.value)) {
    bind.buffer_type = MYSQL_TYPE_FLOAT;
    bind.buffer = single;
    bind.buffer_length = sizeof(*single);
  } else if (auto* wide = std::get_if<double>(&place.value)) {
    bind.buffer_type = MYSQL_TYPE_DOUBLE;
    bind.buffer = wide;
    bind.buffer_length = sizeof(*wide);
  } else if (auto* time = std::get_if<MYSQL_TIME>(&place.value)) {
    bind.buffer_type = field.type == FieldType::time ? MYSQL_TYPE_TIME : MYSQL_TYPE_DATETIME;
    bind.buffer = time;
    bind.buffer_length = sizeof(*time);
  } else {
    auto& bytes = std::get<std::string>(place.value);
    bind.buffer_type = MYSQL_TYPE_BLOB;
    bind.buffer = bytes.data();
    bind.buffer_length = bytes.size();
  }
  return bind;
}

}  // namespace

Field field_of(const MYSQL_FIELD& field, const Flavour&) {
  Field found;
  found.name.assign(field.name, field.name_length);
  found.type = type_of(field);
  found.is_unsigned = (field.flags & UNSIGNED_FLAG) != 0;
  found.not_null = (field.flags & NOT_NULL_FLAG) != 0;
  found.length = field.length;
  if (found.type == FieldType::integer) found.bytes = integer_bytes(field);
  if (found.type == FieldType::decimal) {
    // The length counts the point and the sign.
    found.scale = static_cast<int>(field.decimals);
    found.precision =
        static_cast<int>(field.length) - (found.scale > 0 ? 1 : 0) - (found.is_unsigned ? 0 : 1);
  }
  if (found.type == FieldType::time || found.type == FieldType::datetime ||
      found.type == FieldType::timestamp)
    found.scale = static_cast<int>(field.decimals);
  return found;
}

struct RowStream::Impl {
  Connection::Impl* session = nullptr;
  std::unique_ptr<MYSQL_STMT, StatementDeleter> statement;
  std::vector<Field> fields;
  std::vector<Place> places;
  std::vector<MYSQL_BIND> binds;
  bool running = false;
  bool grown = false;  // a buffer is larger than what is kept

  Error failure(Cancel& cancel) {
    if (const unsigned number = mysql_stmt_errno(statement.get()); number != 0)
      return session->failure(number, mysql_stmt_error(statement.get()), cancel);
    if (mysql_errno(session->mysql) != 0) return session->failure(cancel);
    // A session that was cut in the middle of the rows leaves no number anywhere.
    return session->failure(CR_SERVER_LOST, "the session ended in the middle of the rows", cancel);
  }
  Status bind(Cancel& cancel);
  Status fetch_rest(Cancel& cancel);
};

Status RowStream::Impl::bind(Cancel& cancel) {
  for (std::size_t at = 0; at < places.size(); ++at)
    binds[at] = bind_to(places[at], fields[at]);
  if (mysql_stmt_bind_result(statement.get(), binds.data()) != 0) return failure(cancel);
  return {};
}

// The values that did not fit their buffers, once more into larger ones.
Status RowStream::Impl::fetch_rest(Cancel& cancel) {
  bool rebind = false;
  for (std::size_t at = 0; at < places.size(); ++at) {
    Place& place = places[at];
    auto* bytes = std::get_if<std::string>(&place.value);
    if (bytes == nullptr || place.null != 0 || place.length <= bytes->size()) continue;
    const std::size_t length = place.length;
    bytes->resize(length + length / 4);
    if (bytes->size() > kept_bytes_max) grown = true;
    binds[at] = bind_to(place, fields[at]);
    if (mysql_stmt_fetch_column(statement.get(), &binds[at], static_cast<unsigned>(at), 0) != 0)
      return failure(cancel);
    place.length = length;
    rebind = true;
  }
  if (rebind && mysql_stmt_bind_result(statement.get(), binds.data()) != 0) return failure(cancel);
  return {};
}

RowStream::RowStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RowStream::RowStream(RowStream&&) noexcept = default;

RowStream::~RowStream() {
  if (!impl_) return;
  // Closing the statement would read all that is still to come.
  if (impl_->running) impl_->session->close();
}

const std::vector<Field>& RowStream::fields() const {
  return impl_->fields;
}

Result<RowStream> Connection::stream(const std::string& sql, Cancel& cancel) {
  const StatementLog log(LogComponent::mysql, sql, DoubleQuotes::value);
  TM_CHECK(impl_->start(cancel));
  impl_->injected_fault(Failpoint::mysql_query);
  auto stream = std::make_unique<RowStream::Impl>();
  stream->session = impl_.get();
  stream->statement.reset(mysql_stmt_init(impl_->mysql));
  MYSQL_STMT* statement = stream->statement.get();
  if (statement == nullptr)
    return internal_error("base.out_of_memory", "no memory for a statement");
  int failed = 0;
  impl_->drive([&] { return mysql_stmt_prepare_start(&failed, statement, sql.data(), sql.size()); },
               [&](int came) { return mysql_stmt_prepare_cont(&failed, statement, came); }, cancel);
  if (failed != 0) return stream->failure(cancel);
  const ResultHandle described(mysql_stmt_result_metadata(statement));
  if (!described)
    return user_error("mysql.no_rows", "the statement gives no rows", "write a SELECT");
  const unsigned columns = mysql_num_fields(described.get());
  for (unsigned at = 0; at < columns; ++at) {
    stream->fields.push_back(
        field_of(*mysql_fetch_field_direct(described.get(), at), impl_->flavour));
    stream->places.push_back(place_for(stream->fields.back()));
  }
  stream->binds.resize(columns);
  return RowStream(std::move(stream));
}

Status RowStream::execute(Cancel& cancel) {
  Connection::Impl& session = *impl_->session;
  TM_CHECK(session.start(cancel));
  MYSQL_STMT* statement = impl_->statement.get();
  TM_CHECK(impl_->bind(cancel));
  int failed = 0;
  session.drive([&] { return mysql_stmt_execute_start(&failed, statement); },
                [&](int came) { return mysql_stmt_execute_cont(&failed, statement, came); },
                cancel);
  if (failed != 0) return impl_->failure(cancel);
  impl_->running = true;
  return {};
}

Result<bool> RowStream::next(Cancel& cancel) {
  Connection::Impl& session = *impl_->session;
  if (!impl_->running) return false;
  if (session.lost) return session.loss();
  if (impl_->grown) {
    impl_->grown = false;
    for (std::size_t at = 0; at < impl_->places.size(); ++at) {
      if (auto* bytes = std::get_if<std::string>(&impl_->places[at].value);
          bytes != nullptr && bytes->size() > kept_bytes_max)
        *bytes = std::string(first_bytes, '\0');
    }
    TM_CHECK(impl_->bind(cancel));
  }
  session.injected_fault(Failpoint::mysql_fetch);
  MYSQL_STMT* statement = impl_->statement.get();
  int outcome = 0;
  session.drive([&] { return mysql_stmt_fetch_start(&outcome, statement); },
                [&](int came) { return mysql_stmt_fetch_cont(&outcome, statement, came); }, cancel);
  if (outcome == MYSQL_NO_DATA) {
    impl_->running = false;
    return false;
  }
  if (outcome != 0 && outcome != MYSQL_DATA_TRUNCATED) {
    // The server has said its last word on this statement, good or bad.
    Error error = impl_->failure(cancel);
    impl_->running = false;
    return error;
  }
  TM_CHECK(impl_->fetch_rest(cancel));
  return true;
}

bool RowStream::null(std::size_t column) const {
  return impl_->places[column].null != 0;
}
std::int64_t RowStream::integer(std::size_t column) const {
  return std::get<std::int64_t>(impl_->places[column].value);
}
float RowStream::float32(std::size_t column) const {
  return std::get<float>(impl_->places[column].value);
}
double RowStream::float64(std::size_t column) const {
  return std::get<double>(impl_->places[column].value);
}

Moment RowStream::moment(std::size_t column) const {
  const MYSQL_TIME& time = std::get<MYSQL_TIME>(impl_->places[column].value);
  Moment found{time.neg != 0, time.year,   time.month,  time.day,
               time.hour,     time.minute, time.second, static_cast<unsigned>(time.second_part)};
  if (impl_->fields[column].type == FieldType::time) {
    found.hour += found.day * 24;
    found.year = found.month = found.day = 0;
  }
  return found;
}

std::size_t RowStream::row_bytes() const {
  std::size_t sum = 0;
  for (const Place& place : impl_->places)
    sum += place.null != 0 ? 0 : place.length;
  return sum;
}

std::string_view RowStream::bytes(std::size_t column) const {
  const Place& place = impl_->places[column];
  return std::string_view(std::get<std::string>(place.value)).substr(0, place.length);
}

}  // namespace tidemark::mysql
