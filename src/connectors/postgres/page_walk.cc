#include "connectors/postgres/page_walk.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tidemark::postgres {
namespace {

constexpr int range_scans_since = 140000;  // before, ctid of a range reads the whole table

Position place_at(std::int64_t page) {
  return Position{std::to_string(page)};
}

class PageWalk final : public Walk {
 public:
  PageWalk(RowsAsked asked, PageRange range, std::int64_t step, std::int64_t pages)
      : asked_(std::move(asked)), range_(range), step_(step), end_(range.to.value_or(pages)) {}

  Result<std::optional<Leg>> next(Connection&, Cancel&) override {
    if (ended_) return std::optional<Leg>();
    PageRange leg = range_;
    ended_ = step_ == 0 || range_.from + step_ >= end_;
    if (ended_) return std::optional(Leg{asked_.select_where(leg.condition())});
    leg.to = range_.from += step_;
    return std::optional(Leg{asked_.select_where(leg.condition()), place_at(*leg.to)});
  }

 private:
  const RowsAsked asked_;
  PageRange range_;  // what is left
  const std::int64_t step_;
  const std::int64_t end_;
  bool ended_ = false;
};

std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace

std::string PageRange::text() const {
  return "pages " + std::to_string(from) + (to ? " to " + std::to_string(*to - 1) : " and on");
}

std::optional<PageRange> PageRange::parse(const std::string& text) {
  std::string_view left = text;
  if (!take_word(left, "pages ")) return std::nullopt;
  const auto from = take_number(left);
  if (!from) return std::nullopt;
  if (left == " and on") return PageRange{*from, std::nullopt};
  if (!take_word(left, " to ")) return std::nullopt;
  const auto last = take_number(left);
  if (!last || !left.empty() || *last < *from) return std::nullopt;
  return PageRange{*from, *last + 1};
}

std::string PageRange::condition() const {
  const auto at = [](std::int64_t page) { return "'(" + std::to_string(page) + ",0)'::tid"; };
  return "ctid >= " + at(from) + (to ? " and ctid < " + at(*to) : "");
}

std::unique_ptr<Walk> page_walk(RowsAsked asked, PageRange range, std::int64_t step,
                                std::int64_t pages) {
  return std::make_unique<PageWalk>(std::move(asked), range, step, pages);
}

std::optional<PageRange> rest_of(PageRange range, const Position& place) {
  std::string_view text = place.text;
  const auto page = take_number(text);
  if (!page || !text.empty() || *page < range.from || (range.to && *page >= *range.to))
    return std::nullopt;
  range.from = *page;
  return range;
}

Result<std::optional<TablePages>> find_pages(Connection& connection, const std::string& relation,
                                             Cancel& cancel) {
  if (connection.server_version() < range_scans_since) return std::optional<TablePages>();
  TM_TRY(const Rows rows,
         connection.query(
             "with recursive part as (select pg_catalog.to_regclass($1)::oid as oid union select "
             "i.inhrelid from part join pg_catalog.pg_inherits i on i.inhparent = part.oid) select "
             "coalesce(bool_and(c.relkind = 'p' or (c.relkind in ('r', 'm') and a.amname = "
             "'heap')), false), "
             "coalesce(max(pg_catalog.pg_relation_size(c.oid)), 0) / "
             "pg_catalog.current_setting('block_size')::bigint, "
             "coalesce(sum(pg_catalog.pg_table_size(c.oid)), 0)::bigint, "
             "pg_catalog.md5(coalesce(pg_catalog.string_agg(c.oid || ':' || "
             "coalesce(pg_catalog.pg_relation_filenode(c.oid), 0), ',' order by c.oid), '')) "
             "from part join pg_catalog.pg_class c on c.oid = part.oid left join pg_catalog.pg_am "
             "a on a.oid = c.relam",
             {relation}, cancel));
  if (!rows.boolean(0, 0)) return std::optional<TablePages>();
  return std::optional(TablePages{rows.integer(0, 1), rows.integer(0, 2), rows.string(0, 3)});
}

}  // namespace tidemark::postgres
