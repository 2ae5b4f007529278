// SplitReads: reads what is left of a window's splits, several at a time where the source allows
// it.
//
// The caller's thread reads, and as many more as there are splits and the source has room for:
// whoever is free takes the next split. A read whose connection is lost goes on at its last segment
// where the source can go on; after that, or any other error, all stop. Lives for one window.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"
#include "stage/stage_writer.h"

namespace tidemark {

// What becomes of the rows. Outlives the read. take() is called from any of its threads, also at
// the same time, for different splits.
class SplitUse {
 public:
  virtual ~SplitUse() = default;
  virtual const std::vector<Split>& splits() const = 0;
  // In the order to read them; less with each that was taken whole. Thread-safe.
  virtual std::vector<SplitLeft> left() const = 0;
  // Reads what is left of one split to its end. After an error left() says where its rest begins.
  virtual Status take(duck::Connection& engine, std::size_t number, Extraction& extraction,
                      Cancel& cancel) = 0;
};

// They become rows of a stage.
class StagedSplits final : public SplitUse {
 public:
  StagedSplits(StageWriter& writer, StageProgress progress)
      : writer_(writer), progress_(std::move(progress)) {}
  const std::vector<Split>& splits() const override { return writer_.splits(); }
  std::vector<SplitLeft> left() const override { return writer_.left(); }
  Status take(duck::Connection& engine, std::size_t number, Extraction& extraction,
              Cancel& cancel) override {
    return writer_.write(engine, number, extraction, cancel, progress_);
  }

 private:
  StageWriter& writer_;
  StageProgress progress_;
};

class SplitReads {
 public:
  // Is told, from any of the threads, also at the same time, why a split is read again.
  using ReadAgain = std::function<void(const Error&)>;
  SplitReads(Source& source, SplitUse& use, duck::Engine& engine, ReadAgain read_again,
             Cancel& cancel);

  // With the caller's connection to the engine, and others of its own; by `readers_max` threads at
  // most. Blocking. The first error.
  Status read(duck::Connection& engine, int readers_max = std::numeric_limits<int>::max());

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
  SplitUse& use_;
  duck::Engine& engine_;
  ReadAgain read_again_;
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
