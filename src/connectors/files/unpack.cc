#include "connectors/files/unpack.h"

#include <dlfcn.h>
#include <zlib.h>
#include <zstd.h>

#include <string>

namespace tidemark {

namespace {

Error damaged(const std::string& what) {
  return source_error("source.bad_compression", what, Retry::never,
                      "pack the file again, or deliver it whole");
}

// One function of a library that stays loaded for the life of the process.
template <class Function>
Function* load(void* library, const char* name) {
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(library, name));
}

Error missing(const char* library) {
  return internal_error("source.no_unpacker",
                        std::string("the library ") + library + " is not on this machine",
                        Retry::never, std::string("install it with the package of that name"));
}

struct Zlib {
  void* library = ::dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
  decltype(&::inflateInit2_) init = load<decltype(::inflateInit2_)>(library, "inflateInit2_");
  decltype(&::inflate) run = load<decltype(::inflate)>(library, "inflate");
  decltype(&::inflateReset) reset = load<decltype(::inflateReset)>(library, "inflateReset");
  decltype(&::inflateEnd) end = load<decltype(::inflateEnd)>(library, "inflateEnd");
};

const Zlib& zlib() {
  static const Zlib loaded;
  return loaded;
}

class GzipUnpacker final : public Unpacker {
 public:
  // 31: the largest window, and a gzip header is required.
  bool start() {
    return started_ = zlib().init(&stream_, 31, ZLIB_VERSION, sizeof stream_) == Z_OK;
  }
  ~GzipUnpacker() override {
    if (started_) zlib().end(&stream_);
  }
  Result<Unpacked> step(std::string_view from, char* into, std::size_t size) override {
    // A gzip file may be several members one after the other.
    if (ended_ && !from.empty()) {
      zlib().reset(&stream_);
      ended_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
    stream_.avail_in = static_cast<uInt>(from.size());
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = static_cast<uInt>(size);
    const int code = zlib().run(&stream_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      return damaged("its gzip data is damaged");
    ended_ = code == Z_STREAM_END;
    return Unpacked{from.size() - stream_.avail_in, size - stream_.avail_out, ended_};
  }

 private:
  z_stream stream_{};
  bool started_ = false;
  bool ended_ = false;
};

struct Zstd {
  void* library = ::dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
  decltype(&::ZSTD_createDStream) create =
      load<decltype(::ZSTD_createDStream)>(library, "ZSTD_createDStream");
  decltype(&::ZSTD_freeDStream) free =
      load<decltype(::ZSTD_freeDStream)>(library, "ZSTD_freeDStream");
  decltype(&::ZSTD_decompressStream) run =
      load<decltype(::ZSTD_decompressStream)>(library, "ZSTD_decompressStream");
  decltype(&::ZSTD_isError) failed = load<decltype(::ZSTD_isError)>(library, "ZSTD_isError");
};

const Zstd& zstd() {
  static const Zstd loaded;
  return loaded;
}

class ZstdUnpacker final : public Unpacker {
 public:
  ZstdUnpacker() : stream_(zstd().create()) {}
  ~ZstdUnpacker() override { zstd().free(stream_); }
  bool start() const { return stream_ != nullptr; }
  Result<Unpacked> step(std::string_view from, char* into, std::size_t size) override {
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{into, size, 0};
    const std::size_t code = zstd().run(stream_, &out, &in);
    if (zstd().failed(code) != 0) return damaged("its zstd data is damaged");
    return Unpacked{in.pos, out.pos, code == 0};
  }

 private:
  ZSTD_DStream* stream_;
};

}  // namespace

Result<std::unique_ptr<Unpacker>> make_unpacker(Packing packing) {
  if (packing == Packing::gzip) {
    if (!zlib().init || !zlib().run || !zlib().reset || !zlib().end) return missing("zlib1g");
    auto unpacker = std::make_unique<GzipUnpacker>();
    if (!unpacker->start())
      return internal_error("source.no_unpacker", "there is no memory for gzip");
    return unpacker;
  }
  if (!zstd().create || !zstd().free || !zstd().run || !zstd().failed) return missing("libzstd1");
  auto unpacker = std::make_unique<ZstdUnpacker>();
  if (!unpacker->start())
    return internal_error("source.no_unpacker", "there is no memory for zstd");
  return unpacker;
}

}  // namespace tidemark
