// Looks: asks systems what is watched there, in threads of its own, so that one that does not
// answer holds up nobody else.
//
// A thread for each connection, from its first question on. ask() and take() from one thread, and
// do not block; the destructor waits for what is being asked, which is asked to stop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "spec/job_spec.h"
#include "store/records.h"

namespace tidemark {

class Looks {
 public:
  // The sign of what is watched, as Connector::change_sign gives it. Blocks; from several threads.
  using Ask =
      std::function<Result<std::string>(const WhenSpec&, const std::string& before, Cancel&)>;
  struct Answer {
    std::string watched;
    Result<std::string> sign;
    std::vector<SeenChange> known;  // as it was asked with
    UtcMicros asked_at;             // by the clock of `known`
  };

  explicit Looks(Ask ask) : ask_(std::move(ask)) {}
  ~Looks();
  Looks(const Looks&) = delete;
  Looks& operator=(const Looks&) = delete;

  // `known`: what the jobs that watch it knew before it was asked. An answer is news only to those
  // that know no more since: another server may have seen what is newer than the answer.
  void ask(const WhenSpec& when, std::vector<SeenChange> known, UtcMicros at);
  // Those that came since it was asked last.
  std::vector<Answer> take();

 private:
  struct Question {
    WhenSpec when;
    std::vector<SeenChange> known;
    UtcMicros at;
  };
  void work(const std::string& connection);

  const Ask ask_;
  Cancel stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<std::string, std::deque<Question>> questions_;  // by connection
  std::vector<Answer> answers_;
  std::map<std::string, std::thread> threads_;  // of the thread that asks
};

}  // namespace tidemark
