// HTTP/1.1 as values: what a client asked for, what it is answered, and a stream of events to it.
//
// Values, but for HttpStream. Names of headers are in lower case in requests; as written in
// answers.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method;  // in upper case
  std::string path;    // as sent, from `/` to the query, still percent-encoded
  std::string query;   // as sent, without `?`
  std::vector<HttpHeader> headers;
  std::string body;
  std::string peer;  // the client's address, without its port

  // Of the first header with that name, which is in lower case; nothing where there is none.
  std::optional<std::string_view> header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::vector<HttpHeader> headers;  // without content-length and connection, which the server says
  std::string body;
};

// An answer without an end, as of server-sent events. Shared by the server and by who writes; any
// thread.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // Does not block. False where the client is gone, or did not read for so long that no more is
  // kept for it; it is cut off then.
  virtual bool send(std::string_view text) = 0;
  virtual void end() = 0;
  virtual bool is_open() const = 0;
};

// One request and how it is answered: once, by answer() or by stream(). Where neither was called
// when the handler returns, the answer is 500.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpRequest& request() const = 0;
  virtual void answer(HttpResponse response) = 0;
  virtual std::shared_ptr<HttpStream> stream(HttpResponse head) = 0;
};

// Whether a request is taken, asked when its head is there and its body is not: how large the body
// may be, or the answer to a request that is not taken. Quick; on the thread that reads.
struct HttpAdmission {
  std::size_t body_max = 0;
  std::optional<HttpResponse> refusal;
};

struct HttpHandlers {
  std::function<HttpAdmission(const HttpRequest& head)> admit;
  std::function<void(HttpExchange&)> handle;  // from several threads; may block
  // The body of an answer that the server itself gives: 400, 408, 413, 431, 500, 503, ...
  std::function<HttpResponse(int status, std::string_view what)> refuse;
};

}  // namespace tidemark
