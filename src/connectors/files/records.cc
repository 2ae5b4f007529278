#include "connectors/files/records.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "drivers/json/utf8.h"

namespace tidemark {

namespace {

std::string names_not_in(const std::vector<std::string>& names,
                         const std::vector<std::string>& others) {
  std::string list;
  for (const std::string& name : names) {
    if (std::find(others.begin(), others.end(), name) != others.end()) continue;
    list += (list.empty() ? "`" : ", `") + name + "`";
  }
  return list;
}

bool is_ascii(std::string_view bytes) {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if ((word & 0x8080808080808080u) != 0) return false;
  }
  for (; at < bytes.size(); ++at) {
    if ((static_cast<unsigned char>(bytes[at]) & 0x80) != 0) return false;
  }
  return true;
}

}  // namespace

RowBuffer::RowBuffer(std::unique_ptr<ByteStream> stream, std::string shown,
                     std::int64_t row_bytes_max)
    : stream_(std::move(stream)),
      shown_(std::move(shown)),
      row_bytes_max_(static_cast<std::size_t>(row_bytes_max)),
      bytes_(1 << 18) {}

void RowBuffer::advance(std::size_t bytes, std::int64_t lines) {
  begin_ += bytes;
  offset_ += static_cast<std::int64_t>(bytes);
  line_ += lines;
}

Status RowBuffer::go_to(const RowPlace& place) {
  TM_ASSERT(place.offset >= offset_);
  std::int64_t left = place.offset - offset_;
  const auto buffered = std::min(left, static_cast<std::int64_t>(size()));
  advance(static_cast<std::size_t>(buffered), 0);
  left -= buffered;
  if (left > 0) {
    TM_TRY(const bool skipped, stream_->skip(left));
    if (skipped) {
      offset_ += left;
      left = 0;
    }
  }
  while (left > 0) {
    if (!has(0)) {
      TM_CHECK(status_);
      return source_error("source.file_changed", shown_ + ": it is shorter than it was",
                          Retry::backoff, "run the job again: it reads the file anew");
    }
    const auto piece = std::min(left, static_cast<std::int64_t>(size()));
    advance(static_cast<std::size_t>(piece), 0);
    left -= piece;
  }
  line_ = place.line;
  return {};
}

bool RowBuffer::fill(std::size_t at) {
  while (!ended_ && status_.ok() && at >= end_ - begin_) {
    if (end_ - begin_ > row_bytes_max_) {
      status_ =
          source_error("source.row_too_long",
                       shown_ + ":" + std::to_string(line_) + ": the row has more than " +
                           std::to_string(row_bytes_max_) + " bytes",
                       Retry::never, "look for a quote that is not closed, or split the value");
      return false;
    }
    if (begin_ > 0) {
      std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == bytes_.size()) bytes_.resize(bytes_.size() * 2);
    Result<std::size_t> got = stream_->read(bytes_.data() + end_, bytes_.size() - end_);
    if (!got.ok()) {
      status_ = std::move(got).error();
      return false;
    }
    ended_ = *got == 0;
    end_ += *got;
  }
  return at < end_ - begin_;
}

std::string text_problem(std::string_view bytes) {
  if (std::memchr(bytes.data(), 0, bytes.size()) != nullptr) return "it holds a NUL byte";
  if (is_ascii(bytes) || is_utf8(bytes)) return {};
  return "it is not valid UTF-8";
}

Error header_changed(const std::string& file, const std::vector<std::string>& wanted,
                     const std::vector<std::string>& found) {
  const std::string missing = names_not_in(wanted, found);
  const std::string added = names_not_in(found, wanted);
  std::string message = file + ": its columns differ from those loaded before";
  if (!missing.empty()) message += "; missing: " + missing;
  if (!added.empty()) message += "; new: " + added;
  return source_error("source.header_changed", message, Retry::never,
                      "correct the file's header, or give files of this shape a job of their own");
}

}  // namespace tidemark
