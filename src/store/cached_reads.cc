#include "store/cached_reads.h"

#include <string>
#include <utility>

#include "store/record_text.h"

namespace tidemark {
namespace {

// `read` asks the store, `back` reads its answer from a text.
template <class Read, class Back>
std::invoke_result_t<Read> through(ReadCache* cache, const std::string& what, StoreKinds kinds,
                                   Read read, Back back) {
  if (cache == nullptr) return read();
  TM_TRY(const ReadCache::Text text, cache->text(what, kinds, [&]() -> Result<std::string> {
    TM_TRY(const auto found, read());
    return text_of(found);
  }));
  auto found = back(*text);
  // Of a program that writes texts in another way under this version.
  return found.ok() ? std::move(found) : read();
}

}  // namespace

Result<std::vector<RunRecord>> cached_runs(ReadCache* cache, Store& store,
                                           const RunFilter& filter) {
  const std::string what = "runs/" + std::to_string(filter.limit) + "/" +
                           (filter.before ? filter.before->get() : "") + "/" +
                           (filter.job ? "of " + filter.job->get() : "");
  return through(
      cache, what, store_kinds({StoreKind::runs}), [&] { return store.list_runs(filter); },
      runs_of);
}

Result<StoreOverview> cached_overview(ReadCache* cache, SqlDatabase& database, int limit,
                                      const TasksOfProject& tasks) {
  return through(
      cache, "overview/" + std::to_string(limit) + "/" + tasks.digest, StoreKinds().set(),
      [&] { return look_over(database, limit, tasks.contains); }, overview_of);
}

}  // namespace tidemark
