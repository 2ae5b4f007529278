# Every library from outside, as one target each. folders.cmake says which folder links which.

set(TIDEMARK_DEPS ${PROJECT_SOURCE_DIR}/.deps)
if(NOT EXISTS ${TIDEMARK_DEPS}/duckdb/lib/libduckdb.so OR NOT EXISTS ${TIDEMARK_DEPS}/sqlite/sqlite3.c)
  message(FATAL_ERROR "The pinned libraries are missing: run tools/deps fetch, or use make")
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(absl REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(PkgConfig REQUIRED)
pkg_check_modules(mariadb REQUIRED IMPORTED_TARGET libmariadb)
# Its own CMake file is broken in Debian 12.
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(ssl REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)

add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${TIDEMARK_DEPS}/duckdb/lib/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${TIDEMARK_DEPS}/duckdb/include)
# The deprecated value accessors return NULL for nested values and crash on others. A source that needs
# a deprecated function anyway says `#undef DUCKDB_API_NO_DEPRECATED` before it includes duckdb.h.
target_compile_definitions(duckdb INTERFACE DUCKDB_API_NO_DEPRECATED)

# 26 seconds to compile, never ours to debug: optimised and without sanitizer in every preset.
add_library(sqlite STATIC ${TIDEMARK_DEPS}/sqlite/sqlite3.c)
target_compile_options(sqlite PRIVATE -w)
target_compile_definitions(sqlite PRIVATE SQLITE_THREADSAFE=1 SQLITE_DQS=0)
target_include_directories(sqlite SYSTEM PUBLIC ${TIDEMARK_DEPS}/sqlite)
target_link_libraries(sqlite PUBLIC Threads::Threads ${CMAKE_DL_LIBS})

if(TIDEMARK_TESTS)
  find_package(GTest REQUIRED)
  # What several test programs start: included as <fixtures/x.h>.
  add_library(postgres_server STATIC ${PROJECT_SOURCE_DIR}/tests/fixtures/postgres_server.cc)
  target_include_directories(postgres_server PUBLIC ${PROJECT_SOURCE_DIR}/tests)
  add_library(mariadb_server STATIC ${PROJECT_SOURCE_DIR}/tests/fixtures/mariadb_server.cc)
  target_include_directories(mariadb_server PUBLIC ${PROJECT_SOURCE_DIR}/tests)
  add_library(redis_server STATIC ${PROJECT_SOURCE_DIR}/tests/fixtures/redis_server.cc)
  target_include_directories(redis_server PUBLIC ${PROJECT_SOURCE_DIR}/tests)
  # Loaded before the program by tests of failing disks; without a sanitizer, so that any program can be tested.
  add_library(io_faults MODULE ${PROJECT_SOURCE_DIR}/tests/support/io_faults.cc)
  set_target_properties(io_faults PROPERTIES
    COMPILE_OPTIONS "-Wall;-Wextra;-Werror" LINK_OPTIONS "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_link_libraries(io_faults PRIVATE ${CMAKE_DL_LIBS})
endif()
if(TIDEMARK_BENCH)
  find_package(benchmark REQUIRED)
endif()

# An executable finds libduckdb.so beside itself when it is shipped, and in .deps/ from the build folder.
set(CMAKE_BUILD_RPATH "$ORIGIN" "$ORIGIN/../lib" "$ORIGIN/../../.deps/duckdb/lib")

configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in ${PROJECT_BINARY_DIR}/generated/base/version.h)

# The document of the API is served by the program, so it is part of it.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/api/openapi.yaml)
file(READ ${PROJECT_SOURCE_DIR}/docs/api/openapi.yaml TIDEMARK_OPENAPI)
configure_file(${PROJECT_SOURCE_DIR}/cmake/openapi_text.h.in ${PROJECT_BINARY_DIR}/generated/api/openapi_text.h @ONLY)
