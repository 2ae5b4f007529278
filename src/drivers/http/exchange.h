// Exchange: one request on its way through the handlers; private to this folder.
//
// On one thread of the work queue. The core outlives it.
#pragma once

#include <cstdint>
#include <memory>

#include "drivers/http/http.h"
#include "drivers/http/server_core.h"

namespace tidemark {

class Exchange final : public HttpExchange {
 public:
  Exchange(ServerCore& core, std::uint64_t session, HttpRequest request);

  // Has it handled, and answered with 500 where that did not answer.
  void run();

  const HttpRequest& request() const override { return request_; }
  void answer(HttpResponse response) override;
  std::shared_ptr<HttpStream> stream(HttpResponse head) override;

 private:
  ServerCore& core_;
  const std::uint64_t session_;
  const HttpRequest request_;
  bool is_answered_ = false;
};

}  // namespace tidemark
