#include "connectors/mysql/whole_read.h"

namespace tidemark::mysql {
namespace {

std::string as_text(const std::string& column) {
  return "cast(" + column + " as char)";
}

Result<duck::Answer> read_query(const SourceAccess& access, const std::string& sql,
                                const std::string& before, duck::Connection& engine,
                                Cancel& cancel) {
  MysqlSource source(access, query_source(sql), LoadStrategy::full);
  return read_whole(source, before, as_text, engine, cancel);
}

}  // namespace

Result<duck::Answer> read_answer(const SourceAccess& access, const std::string& sql,
                                 duck::Connection& engine, Cancel& cancel) {
  return read_query(access, sql, {}, engine, cancel);
}

Result<BoundedAnswer> read_some(const SourceAccess& access, const Question& question,
                                duck::Connection& engine, Cancel& cancel) {
  MysqlSource source(access, query_source(question.sql), LoadStrategy::full);
  return tidemark::read_some(source, question, as_text, engine, cancel);
}

Status copy_answer(const SourceAccess& access, const std::string& sql, const std::string& table,
                   duck::Connection& engine, Cancel& cancel) {
  TM_TRY([[maybe_unused]] const duck::Answer made,
         read_query(access, sql, "CREATE OR REPLACE TEMP TABLE " + table + " AS ", engine, cancel));
  return {};
}

Status copy_table(const SourceAccess& access, const std::string& written, CopyDepth depth,
                  const std::string& database, duck::Connection& engine, Cancel& cancel) {
  const TableName name = TableName::parse(written);
  SourceSpec spec;
  spec.input = TableInput{{written, {}}};
  MysqlSource source(access, spec, LoadStrategy::full);
  Status copied =
      copy_whole(source, depth, {database, name.database, name.table}, as_text, engine, cancel);
  if (copied.ok()) return {};
  return std::move(copied).error().with_context("reading " + name.show() +
                                                " for lookups and rules");
}

}  // namespace tidemark::mysql
