// Any bytes as what a server sends, in any pieces: one answer within the limit or none, and the
// same whatever the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "drivers/http/answer_reader.h"

namespace {

using namespace tidemark;

constexpr std::size_t body_max = 64;

std::string read(std::string_view bytes, std::size_t step) {
  AnswerReader reader(body_max, true);
  while (!bytes.empty()) {
    reader.take(bytes.substr(0, step));
    bytes.remove_prefix(std::min(step, bytes.size()));
  }
  reader.take_end();
  TM_ASSERT(reader.state() != AnswerReader::State::head);
  TM_ASSERT(reader.state() != AnswerReader::State::body);
  if (reader.state() != AnswerReader::State::done) return "none";
  const HttpResponse& answer = reader.answer();
  TM_ASSERT(answer.status >= 200 && answer.status <= 999 && answer.body.size() <= body_max);
  std::string told = std::to_string(answer.status) + " " + answer.body;
  for (const HttpHeader& header : answer.headers) {
    TM_ASSERT(!header.name.empty());
    told += "\n" + header.name + ":" + header.value;
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read(bytes, std::max<std::size_t>(size, 1));
  TM_ASSERT(whole == read(bytes, 1));
  TM_ASSERT(whole == read(bytes, 5));
  return 0;
}
