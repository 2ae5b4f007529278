#include "drivers/http/http_client.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "drivers/http/answer_reader.h"
#include "drivers/http/byte_stream.h"
#include "drivers/http/descriptor.h"
#include "drivers/http/quiet_thread.h"
#include "drivers/http/tls.h"
#include "drivers/http/url.h"
#include "observe/log.h"

namespace tidemark {
namespace {

using Outcome = Transfer::Outcome;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int redirects_ever = 3;
constexpr milliseconds look_every{50};  // at whether the call was cancelled

Error timeout(const Url& url) {
  return target_error("http.timeout", url.shown() + " did not answer in time", Retry::backoff);
}

Error cannot_connect(const Url& url, const std::string& why) {
  return target_error("http.cannot_connect", "cannot connect to " + url.shown() + ": " + why,
                      Retry::reconnect,
                      "check the host and the port, and that nothing between blocks the way");
}

Error connection_lost(const Url& url, const std::string& why) {
  return target_error("http.bad_answer",
                      url.shown() + " ended the connection before its answer was whole" +
                          (why.empty() ? "" : ": " + why),
                      Retry::reconnect);
}

Result<std::vector<IpAddress>> ask_the_system(const std::string& host) {
  addrinfo asked{};
  asked.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &asked, &found);
  if (failed != 0)
    return target_error(
        "http.cannot_resolve", "cannot look up the host " + host + ": " + ::gai_strerror(failed),
        failed == EAI_AGAIN ? Retry::backoff : Retry::never, "check the host's name");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<IpAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
      continue;
    // What it cannot read (an address with a zone) is link-local, and nothing to connect to.
    if (const auto address = IpAddress::parse(text.data())) addresses.push_back(*address);
  }
  return addresses;
}

Status check_header(const HttpHeader& header) {
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  };
  const std::string& name = header.name;
  if (!name.empty() && std::all_of(name.begin(), name.end(), is_name) &&
      std::none_of(header.value.begin(), header.value.end(), is_control))
    return {};
  return user_error("http.bad_header", "a header has a character that none may have",
                    "write names with letters, digits, `-` and `_`, and values in one line");
}

// By `resolve`, on a thread of its own: the system's look-up cannot be stopped, only left behind.
Result<std::vector<IpAddress>> look_up(const HttpClientOptions& options, const Url& url,
                                       const Clock& clock, nanoseconds deadline,
                                       const Cancel& cancel) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<std::vector<IpAddress>>> found;  // under mutex
  };
  // Shared, since either side may be the last that wants it.
  auto answer = std::make_shared<Answer>();
  quiet_thread([answer, resolve = options.resolve, host = url.host] {
    auto found = resolve(host);
    const std::lock_guard lock(answer->mutex);
    answer->found.emplace(std::move(found));
    answer->changed.notify_all();
  }).detach();
  std::unique_lock lock(answer->mutex);
  while (!answer->changed.wait_for(lock, look_every, [&] { return answer->found.has_value(); })) {
    TM_CHECK(cancel.check());
    if (clock.monotonic() >= deadline)
      return target_error("http.timeout",
                          "the host " + url.host + " could not be looked up in time",
                          Retry::backoff, "check this machine's name servers");
  }
  return std::move(*answer->found);
}

// One connection and what is waited for on it.
class Conversation {
 public:
  Conversation(const Url& url, const Clock& clock, nanoseconds deadline, const Cancel& cancel)
      : url_(url), clock_(clock), deadline_(deadline), cancel_(cancel) {}

  Status connect(const IpAddress& address, nanoseconds deadline, const TlsContext* tls) {
    const std::string text = address.text();
    addrinfo asked{};
    asked.ai_socktype = SOCK_STREAM;
    asked.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(text.c_str(), std::to_string(url_.port).c_str(), &asked, &found) != 0)
      return cannot_connect(url_, "the address " + text + " is not usable");
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    socket_ = Descriptor(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_.is_open()) return cannot_connect(url_, std::strerror(errno));
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_.get(), found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS)
      return cannot_connect(url_, std::strerror(errno));
    TM_CHECK(wait(POLLOUT, deadline));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return cannot_connect(url_, std::strerror(error));
    bytes_ = tls == nullptr ? plain_stream(socket_.get()) : tls->connect(socket_.get(), url_.host);
    if (bytes_ == nullptr) return cannot_connect(url_, "there is no memory for it");
    TM_TRY(const Outcome greeted, repeat(deadline, [&] { return bytes_->handshake(); }));
    if (greeted == Outcome::done) return {};
    return target_error("http.tls_failed",
                        "cannot speak TLS with " + url_.shown() + ": " + bytes_->failure(),
                        Retry::never,
                        "check the host's name, and name the certificate of who vouches for it "
                        "where that is none of the system's");
  }

  Status send(std::string_view text) {
    while (!text.empty()) {
      TM_TRY(const Outcome outcome, repeat(deadline_, [&] { return bytes_->write(text); }));
      // It may have answered before it closed.
      if (outcome != Outcome::done) return {};
      text.remove_prefix(moved_);
    }
    return {};
  }

  Result<HttpResponse> receive(std::size_t bytes_max, bool has_body) {
    using State = AnswerReader::State;
    AnswerReader reader(bytes_max, has_body);
    std::array<char, 16 * 1024> piece{};
    while (reader.state() == State::head || reader.state() == State::body) {
      TM_TRY(const Outcome outcome,
             repeat(deadline_, [&] { return bytes_->read(piece.data(), piece.size()); }));
      if (outcome == Outcome::failed) return connection_lost(url_, bytes_->failure());
      if (outcome == Outcome::done) {
        reader.take(std::string_view(piece.data(), moved_));
        continue;
      }
      reader.take_end();
      if (reader.state() == State::malformed) return connection_lost(url_, "");
    }
    if (reader.state() == State::too_large)
      return target_error("http.answer_too_large", "the answer of " + url_.shown() +
                                                       " is larger than " +
                                                       std::to_string(bytes_max) + " bytes");
    if (reader.state() == State::malformed)
      return target_error("http.bad_answer", url_.shown() + " does not answer in HTTP/1.1",
                          Retry::never, "check the port, and whether it is `http` or `https`");
    return std::move(reader.answer());
  }

 private:
  Status wait(short what, nanoseconds deadline) {
    while (true) {
      TM_CHECK(cancel_.check());
      const nanoseconds left = deadline - clock_.monotonic();
      if (left <= nanoseconds(0)) return timeout(url_);
      const auto slice = std::min(look_every, std::chrono::ceil<milliseconds>(left));
      pollfd asked{socket_.get(), what, 0};
      if (::poll(&asked, 1, static_cast<int>(slice.count())) > 0) return {};
    }
  }

  // Done, at the end, or failed.
  template <class Attempt>
  Result<Outcome> repeat(nanoseconds deadline, const Attempt& attempt) {
    while (true) {
      const Transfer transfer = attempt();
      moved_ = transfer.bytes;
      if (transfer.outcome == Outcome::wait_read) {
        TM_CHECK(wait(POLLIN, deadline));
      } else if (transfer.outcome == Outcome::wait_write) {
        TM_CHECK(wait(POLLOUT, deadline));
      } else {
        // A server that always has something to send does not keep us for ever.
        TM_CHECK(cancel_.check());
        if (clock_.monotonic() >= deadline) return timeout(url_);
        return transfer.outcome;
      }
    }
  }

  const Url& url_;
  const Clock& clock_;
  nanoseconds deadline_;
  const Cancel& cancel_;
  Descriptor socket_;
  std::unique_ptr<ByteStream> bytes_;
  std::size_t moved_ = 0;
};

std::string request_text(const HttpCall& call, const Url& url, bool with_headers) {
  std::string text = call.method + " " + url.target + " HTTP/1.1\r\nHost: " + url.authority() +
                     "\r\nConnection: close\r\n";
  if (with_headers)
    for (const HttpHeader& header : call.headers)
      text += header.name + ": " + header.value + "\r\n";
  if (!call.body.empty() || (call.method != "GET" && call.method != "HEAD"))
    text += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  return text + "\r\n" + call.body;
}

// Where it went, and no more: a path may be as secret as a header.
void tell_of(const HttpCall& call, const Url& url, const Result<HttpResponse>& answer,
             nanoseconds took) {
  const std::string what = call.method + " " + url.shown();
  const double ms = std::chrono::duration<double, std::milli>(took).count();
  if (answer.ok()) {
    process_log().tell(LogLevel::trace, LogComponent::http, what,
                       {{"status", answer->status}, {"ms", ms}});
  } else {
    process_log().tell_error(LogLevel::trace, LogComponent::http, what, answer.error(),
                             {{"ms", ms}});
  }
}

bool redirects(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

struct HttpClient::Impl {
  const Clock& clock;
  HttpClientOptions options;
  std::unique_ptr<TlsContext> tls;

  // Those of the host, all of them checked.
  Result<std::vector<IpAddress>> addresses(const Url& url, nanoseconds deadline,
                                           const Cancel& cancel) const {
    std::vector<IpAddress> found;
    if (const auto address = IpAddress::parse(url.host)) {
      found.push_back(*address);
    } else {
      TM_TRY(found, look_up(options, url, clock, deadline, cancel));
    }
    if (found.empty())
      return target_error("http.cannot_resolve", "the host " + url.host + " has no address");
    const bool is_plain = !url.is_https && options.plain_rules;
    const AddressRules& rules = is_plain ? *options.plain_rules : options.rules;
    for (const IpAddress& address : found)
      TM_CHECK(rules.check(address, url.host));
    return found;
  }

  Result<HttpResponse> exchange(const HttpCall& call, const Url& url, bool with_headers,
                                nanoseconds deadline, const Cancel& cancel) const {
    TM_TRY(const std::vector<IpAddress> places, addresses(url, deadline, cancel));
    Status connected;
    for (const IpAddress& address : places) {
      Conversation exchange(url, clock, deadline, cancel);
      connected = exchange.connect(
          address, std::min(deadline, clock.monotonic() + nanoseconds(options.connect_timeout)),
          url.is_https ? tls.get() : nullptr);
      if (connected.ok()) {
        TM_CHECK(exchange.send(request_text(call, url, with_headers)));
        return exchange.receive(options.answer_bytes_max, call.method != "HEAD");
      }
      TM_CHECK(cancel.check());
      if (clock.monotonic() >= deadline) break;
    }
    return std::move(connected).error();
  }
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::make(const Clock& clock,
                                                     HttpClientOptions options) {
  TM_ASSERT(options.redirects_max <= redirects_ever);
  TM_TRY(auto tls, TlsContext::client(options.ca_file));
  if (!options.resolve) options.resolve = ask_the_system;
  return std::unique_ptr<HttpClient>(
      new HttpClient(std::make_unique<Impl>(Impl{clock, std::move(options), std::move(tls)})));
}

Result<HttpResponse> HttpClient::call(const HttpCall& call, const Cancel& cancel) const {
  const nanoseconds deadline = impl_->clock.monotonic() + nanoseconds(impl_->options.timeout);
  TM_TRY(Url url, Url::parse(call.url));
  for (const HttpHeader& header : call.headers)
    TM_CHECK(check_header(header));
  const std::string first = url.authority();
  const bool may_redirect = call.method == "GET" || call.method == "HEAD";
  for (int redirects_left = may_redirect ? impl_->options.redirects_max : 0;; --redirects_left) {
    // Headers may hold a secret that is meant for the first host alone.
    const nanoseconds begun = impl_->clock.monotonic();
    auto answered = impl_->exchange(call, url, url.authority() == first, deadline, cancel);
    if (process_log().tells(LogLevel::trace, LogComponent::http))
      tell_of(call, url, answered, impl_->clock.monotonic() - begun);
    TM_TRY(HttpResponse answer, std::move(answered));
    if (!redirects(answer.status) || !may_redirect || impl_->options.redirects_max == 0)
      return answer;
    const auto location =
        std::find_if(answer.headers.begin(), answer.headers.end(),
                     [](const HttpHeader& header) { return header.name == "location"; });
    if (location == answer.headers.end()) return answer;
    if (redirects_left == 0)
      return target_error("http.bad_redirect", url.shown() + " redirects once more than " +
                                                   std::to_string(impl_->options.redirects_max) +
                                                   " times");
    TM_TRY(Url next, url.follow(location->value));
    if (next.is_https != url.is_https)
      return target_error(
          "http.bad_redirect",
          url.shown() + " redirects to " + next.shown() + ", which is of the other scheme",
          Retry::never, "write the URL with the scheme that it leads to");
    url = std::move(next);
  }
}

}  // namespace tidemark
