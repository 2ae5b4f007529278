// SplitReads: reads what is left of a window's splits into a stage, several at a time where the
// source allows it.
//
// The caller's thread reads, and as many more as there are splits and the source has room for:
// whoever is free takes the next split. A read whose connection is lost goes on at its last segment
// where the source can go on; after that, or any other error, all stop. Lives for one window.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"
#include "stage/stage_writer.h"

namespace tidemark {

class SplitReads {
 public:
  struct Told {
    // From any of the threads, also at the same time.
    StageProgress progress;
    std::function<void(const Error&)> read_again;
  };
  SplitReads(Source& source, StageWriter& writer, duck::Engine& engine, Told told, Cancel& cancel);

  // With the caller's connection to the engine, and others of its own. Blocking. The first error.
  Status read(duck::Connection& engine);

 private:
  enum class Place { alone, beside };  // whether the reader must be had, or only if there is room
  void read_beside();
  // Until there is nothing left to read.
  void read_all(duck::Connection& engine, Place place);
  // The next split, opened; nothing where there is none, or no room for it.
  struct Opened {
    std::size_t number = 0;
    Extraction extraction;
  };
  Result<std::optional<Opened>> open_next(Place place);
  Result<std::optional<Extraction>> open(const SplitLeft& left, Place place);
  bool wait_for_more(Place place);
  // The split failed: it is put back, or the Error stands.
  std::optional<Error> put_back(std::size_t number, Error error);
  void end_one(std::optional<Error> error);
  void fail(Error error);

  Source& source_;
  StageWriter& writer_;
  duck::Engine& engine_;
  Told told_;
  Cancel stop_;

  std::mutex source_mutex_;  // taken before mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<std::size_t> waiting_;      // splits, by number
  int reading_ = 0;                      // splits that are open
  std::map<std::size_t, int> attempts_;  // that failed
  std::optional<Error> error_;
};

}  // namespace tidemark
