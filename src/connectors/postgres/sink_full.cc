#include "connectors/postgres/sink_full.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/error.h"
#include "connectors/postgres/sink_table.h"
#include "connectors/postgres/table_lock.h"

namespace tidemark::postgres {
namespace {

using Names = std::vector<std::string>;

std::string join(const Names& parts, std::string_view between) {
  std::string all;
  for (const std::string& part : parts) {
    if (!all.empty()) all += between;
    all += part;
  }
  return all;
}

Names each(const Names& names, const std::function<std::string(const std::string&)>& write) {
  Names list;
  for (const std::string& name : names)
    list.push_back(write(name));
  return list;
}

// The statements of one load: the names it uses, and the columns by the part they play.
struct Parts {
  const TableState& state;
  const LoadTarget& target;
  std::string table;
  std::string shadow;
  std::string difference;
  Names key = {};
  Names compared = {};  // columns of the rows whose values may differ where the keys are equal
  Names kept = {};      // columns of the table that the rows do not have

  bool in_rows(const std::string& name) const { return target.schema.find(name).has_value(); }
  bool in_key(const std::string& name) const {
    return std::find(key.begin(), key.end(), name) != key.end();
  }
};

const TargetColumn& column(const TableState& state, const std::string& name) {
  return *std::find_if(state.columns.begin(), state.columns.end(),
                       [&](const TargetColumn& there) { return there.name == name; });
}

bool tells_rows_apart(const Parts& parts, const UniqueKey& key) {
  return std::all_of(key.columns.begin(), key.columns.end(), [&](const std::string& name) {
    return parts.in_rows(name) && column(parts.state, name).not_null;
  });
}

// The key of the job where an index of the table stands behind it, else the primary key, else the
// shortest unique index.
Names choose_key(const Parts& parts) {
  const UniqueKey* chosen = nullptr;
  for (const UniqueKey& key : parts.state.unique_keys) {
    if (!tells_rows_apart(parts, key)) continue;
    if (is_key_of(key, parts.target.key)) return parts.target.key;
    const auto rank = [](const UniqueKey& one) {
      return std::pair(one.primary ? 0 : 1, one.columns.size());
    };
    if (chosen == nullptr || rank(key) < rank(*chosen)) chosen = &key;
  }
  return chosen == nullptr ? Names{} : chosen->columns;
}

// Without LIKE or AS, which would lock the table against DDL while the rows are sent, and queue
// readers behind it. The same types, so that a value in the shadow is what it will be in the table.
std::string create_shadow(const Parts& parts) {
  const Names columns = each(parts.target.schema.names(), [&](const std::string& name) {
    const TargetColumn& there = column(parts.state, name);
    return quote_name(name) + " " + there.type_name +
           (there.collation.empty() ? "" : " collate " + there.collation) +
           (there.not_null ? " not null" : "");
  });
  return "create temp table " + parts.shadow + " (" + join(columns, ", ") + ") on commit drop";
}

std::string same_key(const Parts& parts, const std::string& alias) {
  return join(each(parts.key,
                   [&](const std::string& name) {
                     return alias + "." + quote_name(name) + " = s." + quote_name(name);
                   }),
              " and ");
}

// The rows of `alias` that the difference calls so.
std::string found(const Parts& parts, const std::string& alias, const std::string& what) {
  std::string text = "d.what " + what;
  for (std::size_t at = 0; at < parts.key.size(); ++at) {
    text += " and " + alias + "." + quote_name(parts.key[at]) + " = d.key" + std::to_string(at + 1);
  }
  return text;
}

// By the bytes, as `refresh materialized view concurrently` does: `=` calls 1.0 and 1.00 equal, and
// 0 and -0, and json has no `=` at all. The cast keeps the parser from comparing column by column.
std::string differ(const Parts& parts) {
  if (parts.compared.empty()) return "false";
  return "row(" + quote_list(parts.compared, "t.") + ")::record operator(pg_catalog.*<>) row(" +
         quote_list(parts.compared, "s.") + ")::record";
}

std::string compare(const Parts& parts) {
  Names keys;
  for (std::size_t at = 0; at < parts.key.size(); ++at) {
    const std::string name = quote_name(parts.key[at]);
    keys.push_back("coalesce(s." + name + ", t." + name + ") as key" + std::to_string(at + 1));
  }
  // Every row has a ctid: where it is NULL the join found none.
  return "create temp table " + parts.difference + " on commit drop as select " + join(keys, ", ") +
         ", case when s.ctid is null then 'gone' when t.ctid is null then 'new' else 'changed' end "
         "as what from " +
         parts.table + " t full join " + parts.shadow + " s on " + same_key(parts, "t") +
         " where s.ctid is null or t.ctid is null or " + differ(parts);
}

std::string insert_into(const Parts& parts, const Names& more = {}) {
  const Names names = parts.target.schema.names();
  return "insert into " + parts.table + " (" + quote_list(names) +
         (more.empty() ? "" : ", " + quote_list(more)) + ") overriding system value select " +
         quote_list(names, "s.");
}

// One statement, so that foreign keys are checked when all of it is done: a child may move to a new
// parent while its old one goes. Each part waits for the one before, because it asks for its count:
// a value of a unique column is free before another row takes it.
std::string change(const Parts& parts, const std::string& gone, const std::string& changed) {
  return "with gone as (" + gone + "), changed as (" + changed + "), added as (" +
         insert_into(parts) + " from " + parts.difference + " d, " + parts.shadow + " s where " +
         found(parts, "s", "= 'new'") +
         " and (select count(*) from changed) >= 0 returning 1) "
         "select (select count(*) from gone), (select count(*) from changed), "
         "(select count(*) from added)";
}

std::string change_in_place(const Parts& parts) {
  const std::string gone = "delete from " + parts.table + " t using " + parts.difference +
                           " d where " + found(parts, "t", "= 'gone'") + " returning 1";
  if (parts.compared.empty()) return change(parts, gone, "select 1 from gone where false");
  const Names set = each(parts.compared, [](const std::string& name) {
    return quote_name(name) + " = s." + quote_name(name);
  });
  return change(parts, gone,
                "update " + parts.table + " t set " + join(set, ", ") + " from " +
                    parts.difference + " d, " + parts.shadow + " s where " +
                    found(parts, "t", "= 'changed'") + " and " + same_key(parts, "t") +
                    " and (select count(*) from gone) >= 0 returning 1");
}

std::string change_by_insert(const Parts& parts) {
  const auto kept = [&](std::string_view prefix) {
    return parts.kept.empty() ? std::string() : ", " + quote_list(parts.kept, prefix);
  };
  return change(
      parts,
      "delete from " + parts.table + " t using " + parts.difference + " d where " +
          found(parts, "t", "<> 'new'") + " returning " + quote_list(parts.key, "t.") + kept("t."),
      insert_into(parts, parts.kept) + kept("g.") + " from gone g, " + parts.shadow + " s where " +
          same_key(parts, "g") + " and (select count(*) from gone) >= 0 returning 1");
}

std::string key_check(const Parts& parts, const Names& key, std::string_view kind) {
  return "alter table " + parts.shadow + " add " + std::string(kind) + " (" + quote_list(key) + ")";
}

void set_rewrite(const Parts& parts, FullSteps& steps) {
  steps.clear = "delete from " + parts.table;
  steps.insert = insert_into(parts) + " from " + parts.shadow + " s";
}

void compose_difference(Parts& parts, FullSteps& steps) {
  for (const std::string& name : parts.target.schema.names()) {
    if (!parts.in_key(name) || !column(parts.state, name).equal_is_same)
      parts.compared.push_back(name);
  }
  for (const TargetColumn& there : parts.state.columns) {
    if (!parts.in_rows(there.name) && !there.generated) parts.kept.push_back(there.name);
  }
  steps.way = ReplaceWay::difference;
  steps.prepare.push_back(key_check(parts, parts.key, "primary key"));
  if (!parts.target.key.empty() && parts.target.key != parts.key)
    steps.prepare.push_back(key_check(parts, parts.target.key, "unique"));
  // The server chooses how to join by what it knows of both sides.
  steps.prepare.push_back("analyze " + parts.shadow + " (" + quote_list(parts.key) + ")");
  // Joined by hash, many rows would be changed in the order of their hashes, all over the table.
  steps.compare = {compare(parts), "analyze " + parts.difference,
                   "set local enable_hashjoin = off"};
  steps.counts =
      "select count(*) filter (where what = 'gone'), count(*) filter (where what = 'changed'), "
      "count(*) filter (where what = 'new') from " +
      parts.difference;
  if (!parts.state.watched && parts.kept.empty()) set_rewrite(parts, steps);
  const bool can_update = std::none_of(
      parts.compared.begin(), parts.compared.end(),
      [&](const std::string& name) { return column(parts.state, name).identity_always; });
  if (can_update) steps.change_in_place = change_in_place(parts);
  if (parts.state.delete_effects.empty() && parts.state.insert_effects.empty())
    steps.change_by_insert = change_by_insert(parts);
  steps.notes.push_back("by difference, key (" + join(parts.key, ", ") +
                        "): rows that are gone from the source are deleted, changed ones updated, "
                        "new ones inserted, the others not touched" +
                        (steps.clear.empty() ? ""
                                             : "; where more than two thirds differ, all rows are "
                                               "deleted and inserted"));
  for (const std::string& effect : parts.state.delete_effects)
    steps.notes.push_back(effect + ": it does so for each row that is gone");
}

std::string why_no_key(const Parts& parts) {
  const Names& wanted = parts.target.key;
  if (!wanted.empty()) {
    return "the table has no unique index over (" + join(wanted, ", ") +
           ") with NOT NULL columns; with one, only rows that differ would be touched: CREATE "
           "UNIQUE INDEX ON " +
           parts.table + " (" + quote_list(wanted) + ")";
  }
  return "the table has no primary key, nor a unique index over NOT NULL columns, among the rows' "
         "columns; with one, only rows that differ would be touched";
}

Status compose_rewrite(const Parts& parts, FullSteps& steps) {
  Names effects = parts.state.delete_effects;
  effects.insert(effects.end(), parts.state.insert_effects.begin(),
                 parts.state.insert_effects.end());
  if (!effects.empty()) {
    return target_error("target.delete_has_effects",
                        "`load: full` would delete and insert all rows of " +
                            parts.state.name.show() + ", also those that stay, but " +
                            effects.front() + "; " + why_no_key(parts),
                        Retry::never,
                        "give the table such a key, load into a table of its own, or use `load: "
                        "upsert`");
  }
  steps.way = ReplaceWay::rewrite;
  if (!parts.target.key.empty())
    steps.prepare.push_back(key_check(parts, parts.target.key, "unique"));
  set_rewrite(parts, steps);
  steps.notes.push_back("all rows are deleted and inserted, because " + why_no_key(parts) +
                        "; until a vacuum has passed the table takes twice the room");
  return {};
}

// The second for rows that are not touched has no way round it, so it is found at plan.
Status check_allowed(const TableState& state) {
  if (!state.rules.empty()) {
    return target_error("target.has_rules",
                        "`load: full` changes rows of " + state.name.show() + ", but rule `" +
                            state.rules.front() + "` would put other statements in their place",
                        Retry::never, "load into a table without rules; triggers are allowed");
  }
  if (!state.children.empty()) {
    return target_error("target.has_children",
                        "`load: full` replaces all rows that " + state.name.show() +
                            " shows, but those of " + state.children +
                            ", which inherit from it, are among them and would be deleted there",
                        Retry::never,
                        "load into a table of its own, or take them out: ALTER TABLE ... NO "
                        "INHERIT " +
                            state.name.sql());
  }
  if (state.row_security) {
    return target_error("target.row_security",
                        "`load: full` replaces all rows of " + state.name.show() +
                            ", but row security hides some of them from this user",
                        Retry::never, "connect as the table's owner, or as a user with BYPASSRLS");
  }
  return {};
}

}  // namespace

std::vector<std::string> FullSteps::statements() const {
  std::vector<std::string> all{shadow, copy};
  all.insert(all.end(), prepare.begin(), prepare.end());
  all.push_back(lock);
  switch (way) {
    case ReplaceWay::difference:
      all.insert(all.end(), compare.begin(), compare.end());
      all.push_back(counts);
      all.push_back(change_in_place.empty() ? change_by_insert : change_in_place);
      break;
    case ReplaceWay::rewrite:
      all.push_back(clear);
      all.push_back(insert);
      break;
    case ReplaceWay::swap:
      all.insert(all.end(), swap.begin(), swap.end());
      return all;  // nothing could add or drop rows since the COPY
  }
  all.push_back(verify);
  return all;
}

Result<FullSteps> compose_full(const TableState& state, const LoadTarget& target, Fence fence) {
  TM_CHECK(check_allowed(state));
  const std::string number = std::to_string(fence.get());
  Parts parts{state, target, state.name.sql(), "pg_temp." + quote_name("tidemark_load_" + number),
              "pg_temp." + quote_name("tidemark_difference_" + number)};
  FullSteps steps;
  steps.table = state.name;
  steps.shadow = create_shadow(parts);
  // FREEZE: nobody else sees the shadow, and its rows need no second look.
  steps.copy = "copy " + parts.shadow + " (" + quote_list(target.schema.names()) +
               ") from stdin (format binary, freeze)";
  steps.lock = lock_sql(state.name, LockMode::share_row_exclusive);
  steps.verify = "select count(*) from " + parts.table;
  parts.key = choose_key(parts);
  if (parts.key.empty()) {
    TM_CHECK(compose_rewrite(parts, steps));
    return steps;
  }
  compose_difference(parts, steps);
  if (steps.change_in_place.empty() && steps.change_by_insert.empty()) {
    return target_error(
        "target.delete_has_effects",
        "a changed row of " + state.name.show() +
            " would be deleted and inserted, because one of its columns is "
            "GENERATED ALWAYS AS IDENTITY and takes no update, but " +
            (state.delete_effects.empty() ? state.insert_effects : state.delete_effects).front(),
        Retry::never,
        "make the column GENERATED BY DEFAULT, or leave it out of "
        "the rows: drop in `transform`");
  }
  return steps;
}

}  // namespace tidemark::postgres
