#include "drivers/http/exchange.h"

#include <utility>

#include "base/assert.h"
#include "drivers/http/response_stream.h"
#include "drivers/http/session.h"

namespace tidemark {

Exchange::Exchange(ServerCore& core, std::uint64_t session, HttpRequest request)
    : core_(core), session_(session), request_(std::move(request)) {}

void Exchange::run() {
  try {
    core_.handlers.handle(*this);
  } catch (...) {
    // Ours to mend; the client is told below, and the server goes on.
  }
  if (!is_answered_)
    answer(core_.handlers.refuse(500, "the server has a fault: the request was not answered"));
}

void Exchange::answer(HttpResponse response) {
  TM_ASSERT(!is_answered_);
  is_answered_ = true;
  core_.loop->post([&core = core_, id = session_, response = std::move(response)]() mutable {
    if (Session* session = core.find(id)) session->answer(std::move(response));
  });
}

std::shared_ptr<HttpStream> Exchange::stream(HttpResponse head) {
  TM_ASSERT(!is_answered_);
  is_answered_ = true;
  auto stream = std::make_shared<ResponseStream>(core_, session_, core_.options.stream_bytes_max);
  core_.loop->post([&core = core_, id = session_, head = std::move(head), stream] {
    if (Session* session = core.find(id)) return session->begin_stream(head, stream);
    stream->cut();
  });
  return stream;
}

}  // namespace tidemark
