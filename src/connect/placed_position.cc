#include "connect/placed_position.h"

namespace tidemark {

Position position_at(const std::string& value, const std::string& place) {
  return Position{value + "@" + place};
}

PlacedPosition parse_placed(const Position& position) {
  const std::string& text = position.text;
  const std::size_t at = text.rfind('@');
  const bool placed = at != std::string::npos && at + 1 < text.size() &&
                      text.find_first_of(" \t\r\n\"'{}[](),", at) == std::string::npos;
  if (!placed) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

Error source_changed(const std::string& what, bool can_confirm) {
  return Error{
      "blocked.source_changed",
      Fault::source,
      Retry::never,
      what + ". Rows may stand below the watermark that were never read",
      {},
      "compare the target with the source; `tidemark run JOB --full` reads everything again and "
      "goes on from there" +
          std::string(can_confirm ? ", `tidemark run JOB --same-source` goes on where it was, if "
                                    "you know that no transaction was lost"
                                  : "")};
}

Error clock_went_back(const std::string& how_much) {
  return Error{"blocked.clock_went_back",
               Fault::source,
               Retry::never,
               "the source's clock has gone back by " + how_much +
                   " since the last run: rows written since may have times below the watermark",
               {},
               "compare the target with the source; `tidemark run JOB --full` reads everything "
               "again and goes on from there, `tidemark run JOB --same-source` goes on where it "
               "was, if you know that no row was written with an earlier time"};
}

}  // namespace tidemark
