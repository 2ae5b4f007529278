#include "drivers/http/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "drivers/http/answer_text.h"
#include "drivers/http/exchange.h"

namespace tidemark {
namespace {

using Outcome = Transfer::Outcome;

// Then the other sessions have their turn.
constexpr int steps_max = 32;
// A body that is smaller goes out together with its head.
constexpr std::size_t small_body_bytes = 16 * 1024;
constexpr std::size_t stream_piece_bytes = 64 * 1024;
// A client that still sends when it is refused would lose the answer if the socket were closed at
// once: what it sends is thrown away for so long.
constexpr std::chrono::seconds leave_timeout{1};
constexpr std::size_t leave_bytes_max = 1 << 20;

}  // namespace

Session::Session(ServerCore& core, std::uint64_t id, Descriptor socket, std::string peer,
                 std::string address_key)
    : core_(core),
      id_(id),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      address_key_(std::move(address_key)),
      bytes_(core.tls ? core.tls->accept(socket_.get()) : plain_stream(socket_.get())),
      phase_(bytes_ == nullptr ? Phase::leaving : Phase::handshake),
      reader_(core.options.request),
      since_(core.now()),
      deadline_(since_ + core.options.head_timeout) {}

Session::~Session() = default;

void Session::release() {
  phase_ = Phase::closed;
  if (stream_) stream_->cut();
  stream_.reset();
  free_body_bytes();
  core_.loop->watch(socket_.get(), *this, false, false);
  socket_.close();
}

void Session::close() {
  phase_ = Phase::closed;
  if (!is_progressing_) core_.remove(id_);
}

void Session::cut_off() {
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Session::progress() {
  if (is_progressing_ || phase_ == Phase::closed) return;
  is_progressing_ = true;
  bool goes_on = true;
  for (int steps = 0; goes_on && steps < steps_max; ++steps) {
    awaits_read_ = false;
    awaits_write_ = false;
    goes_on = step();
  }
  is_progressing_ = false;
  if (phase_ == Phase::closed) return core_.remove(id_);
  core_.loop->watch(socket_.get(), *this, awaits_read_, awaits_write_);
  if (goes_on) core_.nudge(id_);
}

bool Session::step() {
  switch (phase_) {
    case Phase::handshake:
      return step_handshake();
    case Phase::reading:
      return step_reading();
    case Phase::answering:
      return step_answering();
    case Phase::streaming:
      return step_streaming();
    case Phase::leaving:
      return step_leaving();
    case Phase::handling:
    case Phase::closed:
      return false;
  }
  return false;
}

bool Session::step_handshake() {
  const Transfer transfer = bytes_->handshake();
  if (transfer.outcome != Outcome::done) {
    await(transfer);
    return false;
  }
  phase_ = Phase::reading;
  return true;
}

bool Session::step_reading() {
  // That the body may come; what cannot be sent at once waits beside it.
  flush();
  if (phase_ == Phase::closed) return false;
  if (!ahead_.empty()) {
    feed(std::exchange(ahead_, {}));
    return true;
  }
  const std::string_view got = read();
  if (got.empty()) return false;
  feed(got);
  return true;
}

void Session::feed(std::string_view bytes) {
  using State = RequestReader::State;
  while (phase_ == Phase::reading && !bytes.empty()) {
    const bool was_begun = reader_.is_begun();
    const bool was_body = reader_.state() == State::body;
    const std::size_t taken = reader_.take(bytes);
    bytes.remove_prefix(taken);
    // Of the first request it counts from connecting.
    if (!was_begun && reader_.is_begun() && !is_first_request_)
      deadline_ = core_.now() + core_.options.head_timeout;
    if (reader_.state() == State::admit) take_head();
    if (was_body) take_body(taken);
    if (phase_ != Phase::reading) break;
    if (reader_.state() == State::refused) return refuse(reader_.fault());
    if (reader_.state() == State::done) dispatch();
  }
  if (phase_ == Phase::reading || phase_ == Phase::handling || !closes_) ahead_.append(bytes);
}

void Session::take_head() {
  HttpRequest& request = reader_.request();
  request.peer = peer_;
  is_head_ = request.method == "HEAD";
  const HeadFacts& facts = reader_.facts();
  HttpAdmission admission = core_.handlers.admit(request);
  if (admission.refusal)
    return respond(std::move(*admission.refusal), facts.is_chunked || facts.content_length > 0);
  reader_.admit(admission.body_max);
  if (reader_.state() != RequestReader::State::body) return;
  since_ = core_.now();
  moved_bytes_ = 0;
  expect_bytes(core_.options.body_grace);
  if (facts.expects_continue) out_.push_back("HTTP/1.1 100 Continue\r\n\r\n");
}

void Session::take_body(std::size_t bytes) {
  moved_bytes_ += bytes;
  expect_bytes(core_.options.body_grace);
  const std::size_t held = reader_.request().body.size();
  if (held < body_bytes_) return;  // refused, and freed with the answer
  core_.body_bytes += held - body_bytes_;
  body_bytes_ = held;
  if (core_.body_bytes > core_.options.body_bytes_max)
    refuse({503, "too many large requests at once: try again in a while"});
}

void Session::dispatch() {
  phase_ = Phase::handling;
  deadline_.reset();
  // Shared only because a function that waits in the queue must be one that can be copied.
  auto exchange = std::make_shared<Exchange>(core_, id_, std::move(reader_.request()));
  if (!core_.queue.push([exchange] { exchange->run(); }))
    refuse({503, "too many requests at once: try again in a while"});
}

void Session::refuse(const HttpFault& fault) {
  HttpResponse response = core_.handlers.refuse(fault.status, fault.what);
  response.status = fault.status;
  if (fault.status == 503) response.headers.push_back({"Retry-After", "1"});
  respond(std::move(response), true);
}

void Session::respond(HttpResponse response, bool closes) {
  closes_ = closes || reader_.facts().closes || core_.draining;
  const bool has_body = response.status >= 200 && response.status != 204 && response.status != 304;
  AnswerForm form{.closes = closes_,
                  .now = static_cast<std::time_t>(core_.clock.now_utc().get() / 1'000'000)};
  if (has_body) form.content_length = response.body.size();
  out_.push_back(answer_head(response, form));
  if (has_body && !is_head_ && !response.body.empty()) {
    if (response.body.size() <= small_body_bytes)
      out_.back() += response.body;
    else
      out_.push_back(std::move(response.body));
  }
  phase_ = Phase::answering;
  begin_writing();
}

void Session::begin_writing() {
  since_ = core_.now();
  moved_bytes_ = 0;
  expect_bytes(core_.options.write_grace);
}

void Session::answer(HttpResponse response) {
  if (phase_ != Phase::handling) return;
  respond(std::move(response), false);
  progress();
}

void Session::begin_stream(const HttpResponse& head, std::shared_ptr<ResponseStream> stream) {
  if (phase_ != Phase::handling) return stream->cut();
  stream_is_chunked_ = !reader_.facts().is_http_1_0;
  closes_ = reader_.facts().closes || core_.draining;
  out_.push_back(answer_head(
      head, {.closes = closes_,
             .is_chunked = stream_is_chunked_,
             .now = static_cast<std::time_t>(core_.clock.now_utc().get() / 1'000'000)}));
  begin_writing();
  if (is_head_) {
    stream->cut();
    phase_ = Phase::answering;
  } else {
    stream_ = std::move(stream);
    if (core_.draining) stream_->end();
    phase_ = Phase::streaming;
  }
  progress();
}

bool Session::step_answering() {
  if (!flush()) return false;
  end_answer();
  return true;
}

bool Session::step_streaming() {
  if (stream_->is_overrun()) {
    cut_off();
    return false;
  }
  if (flush()) {
    std::string next = stream_->take(stream_piece_bytes);
    if (!next.empty()) {
      out_.push_back(stream_is_chunked_ ? chunk(next) : std::move(next));
      begin_writing();
      return true;
    }
    if (stream_->is_over()) {
      if (stream_is_chunked_) out_.push_back("0\r\n\r\n");
      stream_->cut();
      stream_.reset();
      phase_ = Phase::answering;
      begin_writing();
      return true;
    }
    deadline_.reset();
  }
  if (phase_ == Phase::closed || ahead_.size() >= core_.scratch.size()) return false;
  // That the client is gone shows here, and what it asks next waits.
  const std::string_view got = read();
  ahead_.append(got);
  return !got.empty();
}

void Session::end_answer() {
  free_body_bytes();
  if (closes_ || core_.draining) return leave();
  next_request();
}

void Session::next_request() {
  reader_ = RequestReader(core_.options.request);
  is_first_request_ = false;
  is_head_ = false;
  phase_ = Phase::reading;
  since_ = core_.now();
  deadline_ = since_ + core_.options.idle_timeout;
}

void Session::leave() {
  bytes_->end();
  std::string().swap(ahead_);
  phase_ = Phase::leaving;
  deadline_ = core_.now() + leave_timeout;
}

bool Session::step_leaving() {
  const Transfer transfer = socket_read(socket_.get(), core_.scratch.data(), core_.scratch.size());
  if (transfer.outcome != Outcome::done) {
    await(transfer);
    return false;
  }
  dropped_bytes_ += transfer.bytes;
  if (dropped_bytes_ > leave_bytes_max) close();
  return phase_ != Phase::closed;
}

void Session::check_time() {
  if (!deadline_ || core_.now() < *deadline_) return;
  switch (phase_) {
    case Phase::reading:
      if (!reader_.is_begun()) return close();
      refuse({408, "the request did not come to its end in time"});
      return progress();
    case Phase::answering:
    case Phase::streaming:
      return cut_off();
    case Phase::handshake:
    case Phase::handling:
    case Phase::leaving:
    case Phase::closed:
      return close();
  }
}

void Session::drain() {
  if (idle_since()) return close();
  if (phase_ == Phase::streaming) stream_->end();
}

std::optional<std::chrono::nanoseconds> Session::idle_since() const {
  const bool is_idle = phase_ == Phase::handshake ||
                       (phase_ == Phase::reading && !reader_.is_begun() && ahead_.empty());
  if (!is_idle) return std::nullopt;
  return since_;
}

std::string_view Session::read() {
  const Transfer transfer = bytes_->read(core_.scratch.data(), core_.scratch.size());
  if (transfer.outcome == Outcome::done) return {core_.scratch.data(), transfer.bytes};
  await(transfer);
  return {};
}

bool Session::flush() {
  while (!out_.empty()) {
    const Transfer transfer = bytes_->write(std::string_view(out_.front()).substr(out_sent_));
    if (transfer.outcome != Outcome::done) {
      await(transfer);
      return false;
    }
    out_sent_ += transfer.bytes;
    moved_bytes_ += transfer.bytes;
    if (out_sent_ == out_.front().size()) {
      out_.pop_front();
      out_sent_ = 0;
    }
    if (phase_ == Phase::answering || phase_ == Phase::streaming)
      expect_bytes(core_.options.write_grace);
  }
  return true;
}

void Session::await(const Transfer& transfer) {
  switch (transfer.outcome) {
    case Outcome::wait_read:
      awaits_read_ = true;
      return;
    case Outcome::wait_write:
      awaits_write_ = true;
      return;
    case Outcome::done:
    case Outcome::end:
    case Outcome::failed:
      close();
      return;
  }
}

void Session::expect_bytes(std::chrono::nanoseconds grace) {
  const std::chrono::nanoseconds paid = std::chrono::nanoseconds(std::chrono::seconds(1)) *
                                        (moved_bytes_ / core_.options.bytes_per_s_min);
  deadline_ = std::min(core_.now() + grace, since_ + grace + paid);
}

void Session::free_body_bytes() {
  core_.body_bytes -= std::exchange(body_bytes_, 0);
}

}  // namespace tidemark
