#include "connectors/files/byte_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "connectors/files/unpack.h"
#include "env/files.h"

namespace tidemark {

namespace {

class PlainStream final : public ByteStream {
 public:
  PlainStream(int descriptor, std::filesystem::path path)
      : descriptor_(descriptor), path_(std::move(path)) {}
  PlainStream(const PlainStream&) = delete;
  PlainStream& operator=(const PlainStream&) = delete;
  ~PlainStream() override { ::close(descriptor_); }
  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      const ssize_t got = ::read(descriptor_, into, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return file_error("read", path_, errno);
    }
  }
  Result<bool> skip(std::int64_t bytes) override {
    if (::lseek(descriptor_, bytes, SEEK_CUR) < 0) return file_error("seek in", path_, errno);
    return true;
  }
  // The first bytes, without moving on.
  std::string peek() const {
    char bytes[4];
    const ssize_t got = ::pread(descriptor_, bytes, sizeof bytes, 0);
    return std::string(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
  }

 private:
  int descriptor_;
  std::filesystem::path path_;
};

class PackedStream final : public ByteStream {
 public:
  PackedStream(std::unique_ptr<PlainStream> packed, std::unique_ptr<Unpacker> unpacker,
               std::string shown)
      : packed_(std::move(packed)),
        unpacker_(std::move(unpacker)),
        shown_(std::move(shown)),
        buffer_(1 << 18) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      if (from_ == to_ && !input_ended_) {
        TM_TRY(to_, packed_->read(buffer_.data(), buffer_.size()));
        from_ = 0;
        input_ended_ = to_ == 0;
      }
      if (input_ended_ && frame_ended_) return std::size_t{0};
      const std::string_view left(buffer_.data() + from_, to_ - from_);
      Result<Unpacked> step = unpacker_->step(left, into, size);
      if (!step.ok()) {
        Error error = std::move(step).error();
        error.message = shown_ + ": " + error.message;
        return error;
      }
      from_ += step->used;
      frame_ended_ = step->frame_ended;
      if (step->made > 0) return step->made;
      if (input_ended_ && !frame_ended_ && step->used == 0) {
        return source_error("source.bad_compression",
                            shown_ + ": its compressed data ends too early", Retry::never,
                            "deliver the file whole");
      }
    }
  }

 private:
  std::unique_ptr<PlainStream> packed_;
  std::unique_ptr<Unpacker> unpacker_;
  std::string shown_;
  std::vector<char> buffer_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
  bool input_ended_ = false;
  bool frame_ended_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> ByteStream::open(const std::filesystem::path& path,
                                                     const std::string& shown) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return file_error("open", path, errno);
  auto plain = std::make_unique<PlainStream>(descriptor, path);
  const std::string start = plain->peek();
  const bool gzip = start.starts_with("\x1f\x8b");
  const bool zstd = start == "\x28\xb5\x2f\xfd";
  if (!gzip && !zstd) {
    const std::string extension = path.extension().string();
    if (extension == ".gz" || extension == ".zst") {
      return source_error("source.bad_compression", shown + ": it is not packed as its name says",
                          Retry::never, "pack the file again, or take the ending off its name");
    }
    return plain;
  }
  TM_TRY(std::unique_ptr<Unpacker> unpacker, make_unpacker(gzip ? Packing::gzip : Packing::zstd));
  return std::make_unique<PackedStream>(std::move(plain), std::move(unpacker), shown);
}

}  // namespace tidemark
