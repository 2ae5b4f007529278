// Failpoints: named places where a test makes the program die, stop or fail, in builds with tests
// only; elsewhere TM_FAILPOINT is nothing at all.
//
// A point stands before every durable step and after it, and at every call that another system or
// the disk may fail. From outside a point is armed by the environment:
//
//   TIDEMARK_FAILPOINT      `WHERE@N=ACTION`: at the Nth time, from 1, that WHERE is reached.
//                           WHERE: a point's name, `durable` or `any`.
//                           ACTION: `kill` (SIGKILL), `stop` (SIGSTOP), or a fault that the place
//                           turns into what the real one looks like: `enospc`, `eio`;
//                           PostgreSQL: `reset`, `shutdown`, `sqlstate:40001`; the engine:
//                           `engine`.
//   TIDEMARK_FAILPOINT_LOG  a file that gets a line `NAME ACTION` when an armed point acts.
//   TIDEMARK_CLOCK_AHEAD    seconds by which the time of day of this process goes wrong; a minus
//                           before it: behind.
//   TIDEMARK_STORE_STEP     `N SQL`: the step by which a later version would move the store on,
//                           compatible from version N; this program knows it then.
//
// A test inside the process arms a function instead, which may also wait. Safe from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

// name in C++, name outside, whether it stands at a durable step
#define TM_FAILPOINTS(POINT)                             \
  POINT(files_write, "files.write", true)                \
  POINT(files_written, "files.written", true)            \
  POINT(files_rename, "files.rename", true)              \
  POINT(files_renamed, "files.renamed", true)            \
  POINT(files_make_dirs, "files.make_dirs", true)        \
  POINT(files_sync, "files.sync", true)                  \
  POINT(files_read, "files.read", false)                 \
  POINT(stage_remove, "stage.remove", true)              \
  POINT(stage_unsealed, "stage.unsealed", true)          \
  POINT(source_next, "source.next", false)               \
  POINT(store_commit, "store.commit", true)              \
  POINT(store_committed, "store.committed", true)        \
  POINT(postgres_connect, "postgres.connect", false)     \
  POINT(postgres_query, "postgres.query", false)         \
  POINT(postgres_copy_read, "postgres.copy_read", false) \
  POINT(postgres_copy_put, "postgres.copy_put", false)   \
  POINT(postgres_copy_end, "postgres.copy_end", false)   \
  POINT(postgres_commit, "postgres.commit", true)        \
  POINT(postgres_committed, "postgres.committed", true)  \
  POINT(mysql_query, "mysql.query", false)               \
  POINT(mysql_fetch, "mysql.fetch", false)               \
  POINT(mysql_commit, "mysql.commit", true)              \
  POINT(mysql_committed, "mysql.committed", true)        \
  POINT(engine_query, "engine.query", false)             \
  POINT(engine_commit, "engine.commit", true)            \
  POINT(engine_committed, "engine.committed", true)

namespace tidemark {

enum class Failpoint {
#define TM_FAILPOINT_ENUM(name, text, durable) name,
  TM_FAILPOINTS(TM_FAILPOINT_ENUM)
#undef TM_FAILPOINT_ENUM
};

namespace failpoints {

#ifdef TIDEMARK_FAILPOINTS

// Called by the place itself. Returns the fault to make there, or nothing.
std::optional<std::string> reach(Failpoint point);
// The same for places on the disk: the fault as their Error.
Status reach_file(Failpoint point);

// Until `disarm`, `action` is called at the `nth` reach of the point; what it returns is the fault.
void arm(Failpoint point, int nth, std::function<std::optional<std::string>()> action);
void disarm();

#else

inline std::optional<std::string> reach(Failpoint) {
  return std::nullopt;
}

#endif

}  // namespace failpoints
}  // namespace tidemark

#ifdef TIDEMARK_FAILPOINTS
#define TM_FAILPOINT(name) TM_CHECK(::tidemark::failpoints::reach_file(::tidemark::Failpoint::name))
#else
#define TM_FAILPOINT(name) static_cast<void>(0)
#endif
