// An HTTP server for tests/http_test.py: says its port in a line, and serves until its input ends.
// `/large` is an answer of a megabyte; bodies of up to two are taken and counted.
#include <chrono>
#include <iostream>
#include <string>

#include "drivers/http/http_server.h"

int main(int count, char** arguments) {
  using namespace tidemark;
  const SystemClock clock;
  HttpServerOptions options;
  if (count == 3) options.tls = TlsFiles{arguments[1], arguments[2]};
  HttpHandlers handlers;
  handlers.admit = [](const HttpRequest&) { return HttpAdmission{.body_max = 2'000'000}; };
  handlers.handle = [](HttpExchange& exchange) {
    const HttpRequest& request = exchange.request();
    if (request.path == "/large") return exchange.answer({.body = std::string(1'000'000, 'x')});
    exchange.answer({.body = std::to_string(request.body.size())});
  };
  handlers.refuse = [](int status, std::string_view what) {
    return HttpResponse{.status = status, .body = std::string(what)};
  };
  auto server = HttpServer::start(clock, std::move(options), std::move(handlers));
  if (!server.ok()) {
    std::cerr << server.error().describe() << "\n";
    return 1;
  }
  std::cout << server.value()->port() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  server.value()->stop(std::chrono::seconds(5));
}
