#include "connectors/postgres/key_walk.h"

#include <utility>

#include "drivers/json/json.h"

namespace tidemark::postgres {
namespace {

using Key = std::vector<std::string>;  // texts, by the parts

Position place_of(const Key& key) {
  JsonArray texts;
  for (const std::string& text : key)
    texts.emplace_back(text);
  return Position{to_json(JsonValue(std::move(texts)), JsonLayout::compact)};
}

std::optional<Key> parse_key(const Position& place, std::size_t parts) {
  const auto document = parse_json(place.text);
  if (!document.ok() || document->array() == nullptr || document->array()->size() != parts)
    return std::nullopt;
  Key key;
  for (const JsonValue& text : *document->array()) {
    if (text.string() == nullptr) return std::nullopt;
    key.push_back(*text.string());
  }
  return key;
}

class KeyWalk final : public Walk {
 public:
  KeyWalk(RowsAsked asked, std::vector<KeyPart> key, std::optional<Key> from, std::int64_t rows)
      : asked_(std::move(asked)), key_(std::move(key)), from_(std::move(from)), rows_(rows) {}

  Result<std::optional<Leg>> next(Connection& connection, Cancel& cancel) override {
    if (ended_) return std::optional<Leg>();
    const std::string behind = from_ ? names() + " > " + values(*from_) : std::string();
    TM_TRY(const Rows found, connection.query(end_of_page(behind), cancel));
    ended_ = found.rows() == 0;
    if (ended_) return std::optional(Leg{asked_.select_where(behind)});
    Key last;
    for (std::size_t part = 0; part < key_.size(); ++part)
      last.push_back(found.string(0, part));
    const std::string page =
        (behind.empty() ? "" : behind + " and ") + names() + " <= " + values(last);
    Leg leg{asked_.select_where(page), place_of(last)};
    from_ = std::move(last);
    return std::optional(std::move(leg));
  }

 private:
  std::string end_of_page(const std::string& behind) const {
    RowsAsked keys = asked_;
    keys.columns.clear();
    std::string order;
    for (const KeyPart& part : key_) {
      keys.columns += (keys.columns.empty() ? "" : ", ") + part.sql + "::text";
      order += (order.empty() ? "" : ", ") + part.sql;
    }
    return keys.select_where(behind) + " order by " + order + " offset " +
           std::to_string(rows_ - 1) + " limit 1";
  }
  std::string names() const {
    std::string list;
    for (const KeyPart& part : key_)
      list += (list.empty() ? "(" : ", ") + part.sql;
    return list + ")";
  }
  std::string values(const Key& key) const {
    std::string list;
    for (std::size_t part = 0; part < key_.size(); ++part)
      list += (list.empty() ? "(" : ", ") + quote_text(key[part]) + "::" + key_[part].type;
    return list + ")";
  }

  const RowsAsked asked_;
  const std::vector<KeyPart> key_;
  std::optional<Key> from_;
  const std::int64_t rows_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Walk>> key_walk(RowsAsked asked, std::vector<KeyPart> key,
                                       const std::optional<Position>& from,
                                       std::int64_t rows_of_page) {
  std::optional<Key> begin;
  if (from) begin = parse_key(*from, key.size());
  if (from && !begin)
    return internal_error("source.bad_place", "no such place of a read: " + from->text);
  return std::unique_ptr<Walk>(
      std::make_unique<KeyWalk>(std::move(asked), std::move(key), std::move(begin), rows_of_page));
}

Result<std::int64_t> rows_estimated(Connection& connection, const RowsAsked& asked,
                                    Cancel& cancel) {
  TM_TRY(const Rows plan, connection.query("explain (format json) " + asked.select(), cancel));
  std::string text;
  for (std::size_t row = 0; row < plan.rows(); ++row)
    text += plan.string(row, 0);
  TM_TRY(const JsonValue document, parse_json(text));
  if (document.array() == nullptr || document.array()->empty()) return std::int64_t{0};
  const JsonValue* node = document.array()->front().find("Plan");
  if (node == nullptr) return std::int64_t{0};
  return node->integer_at("Plan Rows");
}

}  // namespace tidemark::postgres
