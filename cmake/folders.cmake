# The folders of src/ from the lowest layer up. A folder links only folders of lower layers;
# tests/layers_test.py holds the same order and reads every #include.

# 0
tidemark_folder(base LINK fmt::fmt Threads::Threads)

# 1
tidemark_folder(model LINK base)
tidemark_folder(env LINK base)
tidemark_folder(observe LINK base)

# 2
tidemark_folder(drivers/duckdb LINK model env observe duckdb)
tidemark_folder(drivers/postgres LINK model env observe PostgreSQL::PostgreSQL TEST_LINK postgres_server)
tidemark_folder(drivers/mysql LINK model env observe PkgConfig::mariadb TEST_LINK mariadb_server)
tidemark_folder(drivers/redis LINK model env observe PkgConfig::hiredis TEST_LINK redis_server)
tidemark_folder(drivers/sqlite LINK model env observe sqlite)
tidemark_folder(drivers/yaml LINK model env observe yaml-cpp)
tidemark_folder(drivers/json LINK model env observe nlohmann_json::nlohmann_json)
tidemark_folder(drivers/hash LINK model env observe PkgConfig::xxhash PkgConfig::crypto)
tidemark_folder(drivers/parquet LINK model env PkgConfig::zstd)
tidemark_folder(drivers/sodium LINK model env observe PkgConfig::sodium)
tidemark_folder(drivers/zone LINK model env observe absl::time)
tidemark_folder(drivers/http LINK model env observe PkgConfig::ssl PkgConfig::crypto)
tidemark_folder(drivers/smtp LINK model env observe PkgConfig::curl)
tidemark_folder(drivers/prometheus LINK model env observe prometheus-cpp::core)

# 3
tidemark_folder(spec LINK drivers/http drivers/smtp drivers/yaml drivers/json drivers/hash drivers/zone drivers/postgres drivers/redis)
tidemark_folder(store LINK drivers/sqlite drivers/postgres drivers/redis drivers/json drivers/hash drivers/sodium
  TEST_LINK postgres_server redis_server)

# 4
tidemark_folder(connect LINK spec store drivers/duckdb)
tidemark_folder(access LINK spec store drivers/sodium drivers/http)
tidemark_folder(connect/conformance TESTING LINK connect)

# 5
tidemark_folder(connectors/duckdb LINK connect drivers/duckdb TEST_LINK connect/conformance)
tidemark_folder(connectors/files LINK connect drivers/duckdb TEST_LINK connect/conformance)
tidemark_folder(connectors/mysql LINK connect drivers/mysql drivers/duckdb TEST_LINK connect/conformance mariadb_server)
tidemark_folder(connectors/postgres LINK connect drivers/postgres drivers/duckdb TEST_LINK connect/conformance postgres_server)
tidemark_folder(connectors/sqlite LINK connect drivers/sqlite drivers/duckdb TEST_LINK connect/conformance)
tidemark_folder(transform LINK connect drivers/duckdb)
tidemark_folder(quality LINK connect drivers/duckdb drivers/json)
tidemark_folder(stage LINK connect drivers/duckdb drivers/parquet)

# 6
tidemark_folder(plan LINK transform quality stage)

# 7
tidemark_folder(run LINK plan access)

# 8
tidemark_folder(schedule LINK run)
tidemark_folder(verify LINK run)

# 9
tidemark_folder(telemetry LINK schedule drivers/prometheus drivers/http drivers/json drivers/hash)
tidemark_folder(alert LINK schedule access drivers/http drivers/smtp drivers/json drivers/hash drivers/sodium)

# 10
tidemark_folder(api LINK schedule verify telemetry alert access drivers/http)

# 11
tidemark_folder(cli LINK api alert CLI11::CLI11)

# 12
tidemark_folder(app LINK api cli connectors/duckdb connectors/files connectors/mysql connectors/postgres connectors/sqlite)

if(EXISTS ${PROJECT_SOURCE_DIR}/src/app/main.cc)
  add_executable(tidemark ${PROJECT_SOURCE_DIR}/src/app/main.cc)
  # The engine first: the loader looks its 25,000 symbols up in the order of this list, at every start.
  target_link_libraries(tidemark PRIVATE duckdb tidemark_app)
  set_target_properties(tidemark PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endif()
