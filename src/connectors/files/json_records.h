// JsonRecords: the objects of a JSON file as rows: one object per line, or one array of objects.
//
// Numbers and nested values keep their text as written. In a file of lines a line that is no object
// is a problem of that row; in an array, where nothing says how to go on, it is `source.bad_json`.
// A key that is missing is NULL; a key that no column has is a problem of the row, unless columns
// may be added.
#pragma once

#include "connectors/files/records.h"

namespace tidemark {

Result<std::unique_ptr<RecordReader>> open_json(const RecordOptions& options);

}  // namespace tidemark
