// RunStreams: the steps of runs as server-sent events, out of the store, as they come. A client
// that comes back names the last that it has, and gets those behind it.
//
// One thread looks for all streams; those that are equally far share a look. Owned by who serves;
// any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "api/route.h"
#include "store/pages.h"

namespace tidemark {

class RunStreams {
 public:
  static constexpr std::size_t streams_max = 200;
  static constexpr std::chrono::milliseconds looks_every{300};
  // A comment then, so that nobody between takes the connection for dead.
  static constexpr std::chrono::seconds silent_max{15};
  // Then the client is to come back, with its token.
  static constexpr std::chrono::minutes length_max{15};

  // `is_coming`: a run that the store does not know yet, since it is being planned.
  RunStreams(SqlDatabase& store, const Clock& clock, std::function<bool(const RunId&)> is_coming);
  ~RunStreams();
  RunStreams(const RunStreams&) = delete;
  RunStreams& operator=(const RunStreams&) = delete;

  // `api.busy` where there are too many.
  Status open(HttpExchange& exchange, HttpResponse head, const RunId& run, std::int64_t after);

 private:
  struct Stream {
    std::shared_ptr<HttpStream> to;  // shared with the server, as it says
    RunId run;
    std::int64_t after = 0;
    std::chrono::nanoseconds since;
    std::chrono::nanoseconds spoke;
    bool is_new = true;
  };
  void watch();
  void look();
  // False: it is over.
  bool tell(Stream& stream, const Result<EventsFound>& found, std::chrono::nanoseconds now);

  SqlDatabase& store_;
  const Clock& clock_;
  const std::function<bool(const RunId&)> is_coming_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Stream> come_;     // guarded by mutex_: not looked at yet
  std::size_t open_ = 0;       // guarded by mutex_: all of them
  bool stops_ = false;         // guarded by mutex_
  std::list<Stream> streams_;  // of the thread
  std::thread thread_;
};

}  // namespace tidemark
