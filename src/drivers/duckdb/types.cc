#include "drivers/duckdb/types.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::duck {

namespace {

struct KindPair {
  TypeKind kind;
  duckdb_type engine;
};

constexpr std::array<KindPair, 23> kind_pairs{{
    {TypeKind::boolean, DUCKDB_TYPE_BOOLEAN},
    {TypeKind::int8, DUCKDB_TYPE_TINYINT},
    {TypeKind::int16, DUCKDB_TYPE_SMALLINT},
    {TypeKind::int32, DUCKDB_TYPE_INTEGER},
    {TypeKind::int64, DUCKDB_TYPE_BIGINT},
    {TypeKind::int128, DUCKDB_TYPE_HUGEINT},
    {TypeKind::uint8, DUCKDB_TYPE_UTINYINT},
    {TypeKind::uint16, DUCKDB_TYPE_USMALLINT},
    {TypeKind::uint32, DUCKDB_TYPE_UINTEGER},
    {TypeKind::uint64, DUCKDB_TYPE_UBIGINT},
    {TypeKind::float32, DUCKDB_TYPE_FLOAT},
    {TypeKind::float64, DUCKDB_TYPE_DOUBLE},
    {TypeKind::varchar, DUCKDB_TYPE_VARCHAR},
    {TypeKind::blob, DUCKDB_TYPE_BLOB},
    {TypeKind::uuid, DUCKDB_TYPE_UUID},
    {TypeKind::date, DUCKDB_TYPE_DATE},
    {TypeKind::time, DUCKDB_TYPE_TIME},
    {TypeKind::timetz, DUCKDB_TYPE_TIME_TZ},
    {TypeKind::timestamp, DUCKDB_TYPE_TIMESTAMP},
    {TypeKind::timestamptz, DUCKDB_TYPE_TIMESTAMP_TZ},
    {TypeKind::timestamp_ns, DUCKDB_TYPE_TIMESTAMP_NS},
    {TypeKind::interval, DUCKDB_TYPE_INTERVAL},
    {TypeKind::json, DUCKDB_TYPE_VARCHAR},
}};

std::string take_text(char* text) {
  std::string taken = text == nullptr ? std::string() : std::string(text);
  duckdb_free(text);
  return taken;
}

std::string engine_type_name(duckdb_logical_type logical);

std::string member_list(duckdb_logical_type logical, idx_t count,
                        char* (*name_of)(duckdb_logical_type, idx_t),
                        duckdb_logical_type (*type_of)(duckdb_logical_type, idx_t)) {
  std::string text = "(";
  for (idx_t at = 0; at < count; ++at) {
    TypeHandle member(type_of(logical, at));
    if (at > 0) text += ", ";
    text +=
        quote_name(take_text(name_of(logical, at))) + " " + sql_name(from_logical(member.get()));
  }
  return text + ")";
}

std::string engine_type_name(duckdb_logical_type logical) {
  switch (duckdb_get_type_id(logical)) {
    case DUCKDB_TYPE_UHUGEINT:
      return "UHUGEINT";
    case DUCKDB_TYPE_TIMESTAMP_S:
      return "TIMESTAMP_S";
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return "TIMESTAMP_MS";
    case DUCKDB_TYPE_TIME_NS:
      return "TIME_NS";
    case DUCKDB_TYPE_BIT:
      return "BIT";
    case DUCKDB_TYPE_BIGNUM:
      return "BIGNUM";
    case DUCKDB_TYPE_ARRAY: {
      TypeHandle element(duckdb_array_type_child_type(logical));
      return sql_name(from_logical(element.get())) + "[" +
             std::to_string(duckdb_array_type_array_size(logical)) + "]";
    }
    case DUCKDB_TYPE_ENUM: {
      std::string text = "ENUM(";
      const std::uint32_t size = duckdb_enum_dictionary_size(logical);
      for (std::uint32_t at = 0; at < size; ++at) {
        if (at > 0) text += ", ";
        text += quote_text(take_text(duckdb_enum_dictionary_value(logical, at)));
      }
      return text + ")";
    }
    case DUCKDB_TYPE_STRUCT:
      return "STRUCT" + member_list(logical, duckdb_struct_type_child_count(logical),
                                    duckdb_struct_type_child_name, duckdb_struct_type_child_type);
    case DUCKDB_TYPE_UNION:
      return "UNION" + member_list(logical, duckdb_union_type_member_count(logical),
                                   duckdb_union_type_member_name, duckdb_union_type_member_type);
    case DUCKDB_TYPE_MAP: {
      TypeHandle key(duckdb_map_type_key_type(logical));
      TypeHandle value(duckdb_map_type_value_type(logical));
      return "MAP(" + sql_name(from_logical(key.get())) + ", " +
             sql_name(from_logical(value.get())) + ")";
    }
    default:
      return "UNKNOWN";
  }
}

template <class T>
T read_value(duckdb_vector vector, idx_t row) {
  T value;
  std::memcpy(&value, static_cast<const char*>(duckdb_vector_get_data(vector)) + row * sizeof(T),
              sizeof(T));
  return value;
}

duckdb_value make_value(duckdb_vector vector, duckdb_logical_type logical, idx_t row);

bool is_valid(duckdb_vector vector, idx_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity == nullptr || duckdb_validity_row_is_valid(validity, row);
}

duckdb_value make_decimal(duckdb_vector vector, duckdb_logical_type logical, idx_t row) {
  __int128 number = 0;
  switch (duckdb_decimal_internal_type(logical)) {
    case DUCKDB_TYPE_SMALLINT:
      number = read_value<std::int16_t>(vector, row);
      break;
    case DUCKDB_TYPE_INTEGER:
      number = read_value<std::int32_t>(vector, row);
      break;
    case DUCKDB_TYPE_BIGINT:
      number = read_value<std::int64_t>(vector, row);
      break;
    default:
      number = read_value<__int128>(vector, row);
      break;
  }
  const duckdb_hugeint bits{static_cast<std::uint64_t>(number),
                            static_cast<std::int64_t>(number >> 64)};
  return duckdb_create_decimal(
      {duckdb_decimal_width(logical), duckdb_decimal_scale(logical), bits});
}

duckdb_value make_list(duckdb_vector elements, duckdb_logical_type element_type, idx_t first,
                       idx_t count) {
  std::vector<ValueHandle> owned;
  std::vector<duckdb_value> values;
  values.reserve(count + 1);  // an array, also of nothing: the engine makes no value of a null one
  for (idx_t at = first; at < first + count; ++at) {
    owned.emplace_back(make_value(elements, element_type, at));
    values.push_back(owned.back().get());
  }
  return duckdb_create_list_value(element_type, values.data(), count);
}

duckdb_value make_struct(duckdb_vector vector, duckdb_logical_type logical, idx_t row) {
  std::vector<ValueHandle> owned;
  std::vector<duckdb_value> values;
  for (idx_t at = 0; at < duckdb_struct_type_child_count(logical); ++at) {
    TypeHandle member(duckdb_struct_type_child_type(logical, at));
    owned.emplace_back(make_value(duckdb_struct_vector_get_child(vector, at), member.get(), row));
    values.push_back(owned.back().get());
  }
  return duckdb_create_struct_value(logical, values.data());
}

duckdb_value make_map(duckdb_vector vector, duckdb_logical_type logical, idx_t row) {
  const auto entry = read_value<duckdb_list_entry>(vector, row);
  duckdb_vector pairs = duckdb_list_vector_get_child(vector);
  TypeHandle key_type(duckdb_map_type_key_type(logical));
  TypeHandle value_type(duckdb_map_type_value_type(logical));
  std::vector<ValueHandle> owned;
  std::vector<duckdb_value> keys;
  std::vector<duckdb_value> values;
  keys.reserve(entry.length + 1);  // as in make_list
  values.reserve(entry.length + 1);
  for (idx_t at = entry.offset; at < entry.offset + entry.length; ++at) {
    owned.emplace_back(make_value(duckdb_struct_vector_get_child(pairs, 0), key_type.get(), at));
    keys.push_back(owned.back().get());
    owned.emplace_back(make_value(duckdb_struct_vector_get_child(pairs, 1), value_type.get(), at));
    values.push_back(owned.back().get());
  }
  return duckdb_create_map_value(logical, keys.data(), values.data(), entry.length);
}

std::string_view string_at(duckdb_vector vector, idx_t row) {
  auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  return {duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row])};
}

duckdb_value make_value(duckdb_vector vector, duckdb_logical_type logical, idx_t row) {
  if (!is_valid(vector, row)) return duckdb_create_null_value();
  switch (duckdb_get_type_id(logical)) {
    case DUCKDB_TYPE_BOOLEAN:
      return duckdb_create_bool(read_value<bool>(vector, row));
    case DUCKDB_TYPE_TINYINT:
      return duckdb_create_int8(read_value<std::int8_t>(vector, row));
    case DUCKDB_TYPE_SMALLINT:
      return duckdb_create_int16(read_value<std::int16_t>(vector, row));
    case DUCKDB_TYPE_INTEGER:
      return duckdb_create_int32(read_value<std::int32_t>(vector, row));
    case DUCKDB_TYPE_BIGINT:
      return duckdb_create_int64(read_value<std::int64_t>(vector, row));
    case DUCKDB_TYPE_UTINYINT:
      return duckdb_create_uint8(read_value<std::uint8_t>(vector, row));
    case DUCKDB_TYPE_USMALLINT:
      return duckdb_create_uint16(read_value<std::uint16_t>(vector, row));
    case DUCKDB_TYPE_UINTEGER:
      return duckdb_create_uint32(read_value<std::uint32_t>(vector, row));
    case DUCKDB_TYPE_UBIGINT:
      return duckdb_create_uint64(read_value<std::uint64_t>(vector, row));
    case DUCKDB_TYPE_HUGEINT:
      return duckdb_create_hugeint(read_value<duckdb_hugeint>(vector, row));
    case DUCKDB_TYPE_UHUGEINT:
      return duckdb_create_uhugeint(read_value<duckdb_uhugeint>(vector, row));
    case DUCKDB_TYPE_FLOAT:
      return duckdb_create_float(read_value<float>(vector, row));
    case DUCKDB_TYPE_DOUBLE:
      return duckdb_create_double(read_value<double>(vector, row));
    case DUCKDB_TYPE_DECIMAL:
      return make_decimal(vector, logical, row);
    case DUCKDB_TYPE_DATE:
      return duckdb_create_date(read_value<duckdb_date>(vector, row));
    case DUCKDB_TYPE_TIME:
      return duckdb_create_time(read_value<duckdb_time>(vector, row));
    case DUCKDB_TYPE_TIME_NS:
      return duckdb_create_time_ns(read_value<duckdb_time_ns>(vector, row));
    case DUCKDB_TYPE_TIME_TZ:
      return duckdb_create_time_tz_value(read_value<duckdb_time_tz>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP:
      return duckdb_create_timestamp(read_value<duckdb_timestamp>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return duckdb_create_timestamp_tz(read_value<duckdb_timestamp>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_S:
      return duckdb_create_timestamp_s(read_value<duckdb_timestamp_s>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return duckdb_create_timestamp_ms(read_value<duckdb_timestamp_ms>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return duckdb_create_timestamp_ns(read_value<duckdb_timestamp_ns>(vector, row));
    case DUCKDB_TYPE_INTERVAL:
      return duckdb_create_interval(read_value<duckdb_interval>(vector, row));
    case DUCKDB_TYPE_UUID: {
      auto bits = read_value<duckdb_uhugeint>(vector, row);
      bits.upper ^= std::uint64_t{1} << 63;  // storage flips the top bit so that order is by value
      return duckdb_create_uuid(bits);
    }
    case DUCKDB_TYPE_VARCHAR: {
      const auto text = string_at(vector, row);
      return duckdb_create_varchar_length(text.data(), text.size());
    }
    case DUCKDB_TYPE_BLOB: {
      const auto text = string_at(vector, row);
      return duckdb_create_blob(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    }
    case DUCKDB_TYPE_BIT: {
      const auto text = string_at(vector, row);
      return duckdb_create_bit(
          {reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())), text.size()});
    }
    case DUCKDB_TYPE_ENUM: {
      std::uint32_t index = 0;
      switch (duckdb_enum_internal_type(logical)) {
        case DUCKDB_TYPE_UTINYINT:
          index = read_value<std::uint8_t>(vector, row);
          break;
        case DUCKDB_TYPE_USMALLINT:
          index = read_value<std::uint16_t>(vector, row);
          break;
        default:
          index = read_value<std::uint32_t>(vector, row);
          break;
      }
      return duckdb_create_varchar(take_text(duckdb_enum_dictionary_value(logical, index)).c_str());
    }
    case DUCKDB_TYPE_LIST: {
      const auto entry = read_value<duckdb_list_entry>(vector, row);
      TypeHandle element(duckdb_list_type_child_type(logical));
      return make_list(duckdb_list_vector_get_child(vector), element.get(), entry.offset,
                       entry.length);
    }
    case DUCKDB_TYPE_ARRAY: {
      TypeHandle element(duckdb_array_type_child_type(logical));
      const idx_t size = duckdb_array_type_array_size(logical);
      return make_list(duckdb_array_vector_get_child(vector), element.get(), row * size, size);
    }
    case DUCKDB_TYPE_STRUCT:
      return make_struct(vector, logical, row);
    case DUCKDB_TYPE_MAP:
      return make_map(vector, logical, row);
    default:
      return duckdb_create_varchar("(a value this version cannot print)");
  }
}

}  // namespace

TypeHandle to_logical(const Type& type) {
  TM_ASSERT(type.kind != TypeKind::engine);
  if (type.kind == TypeKind::decimal)
    return TypeHandle(duckdb_create_decimal_type(type.width, type.scale));
  if (type.kind == TypeKind::list) {
    TypeHandle element = to_logical(*type.element);
    return TypeHandle(duckdb_create_list_type(element.get()));
  }
  for (const KindPair& pair : kind_pairs) {
    if (pair.kind != type.kind) continue;
    TypeHandle logical(duckdb_create_logical_type(pair.engine));
    if (type.kind == TypeKind::json) duckdb_logical_type_set_alias(logical.get(), "JSON");
    return logical;
  }
  return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
}

Type from_logical(duckdb_logical_type logical) {
  const duckdb_type id = duckdb_get_type_id(logical);
  if (id == DUCKDB_TYPE_VARCHAR && take_text(duckdb_logical_type_get_alias(logical)) == "JSON") {
    return Type::of(TypeKind::json);
  }
  if (id == DUCKDB_TYPE_DECIMAL) {
    return Type::decimal(duckdb_decimal_width(logical), duckdb_decimal_scale(logical));
  }
  if (id == DUCKDB_TYPE_LIST) {
    TypeHandle element(duckdb_list_type_child_type(logical));
    return Type::list_of(from_logical(element.get()));
  }
  if (id == DUCKDB_TYPE_SQLNULL)
    return Type::of(TypeKind::int32);  // the engine's own choice for a bare NULL
  for (const KindPair& pair : kind_pairs) {
    if (pair.engine == id) return Type::of(pair.kind);
  }
  return Type::engine(engine_type_name(logical));
}

std::string print_value(duckdb_vector vector, duckdb_logical_type logical, idx_t row) {
  const duckdb_type id = duckdb_get_type_id(logical);
  if (id == DUCKDB_TYPE_VARCHAR) return std::string(string_at(vector, row));
  ValueHandle value(make_value(vector, logical, row));
  return take_text(duckdb_get_varchar(value.get()));
}

}  // namespace tidemark::duck
