// Source: one stream of a job's input. A connector implements it; run/ drives it.
//
// Life: discover -> upper -> (the window is stored) -> split -> open each -> verify -> ... ->
// acknowledge. Owned by one run; one call at a time, from any thread, while Readers of different
// splits run in parallel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "model/batch.h"
#include "model/schema.h"
#include "model/window.h"

namespace tidemark {

// What the target's ledger says is already loaded.
struct Progress {
  std::optional<Position> lo;  // hi of the last committed window
  std::vector<Position>
      history;  // hi of every committed window, oldest first; only if wants_history()
  bool full_requested = false;  // --full: read everything, whatever is loaded
  bool same_source = false;     // a person says that nothing was lost where it looks like another
  std::string memory;           // WindowBound::memory of the last run; empty: none, or it is lost
};

// How far a run may read now, and what that promises.
struct WindowBound {
  Window window;
  Guarantee guarantee = Guarantee::best_effort;
  std::string reason;              // why this guarantee and not a better one, for `plan`
  std::vector<std::string> notes;  // e.g. which transaction holds the watermark
  bool is_held = false;            // `notes` say by what: rows behind its end wait
  bool nothing_new = false;        // known without reading: there is nothing to do
  // Where the read finds no row, the window need not be recorded: the next one begins at the same
  // `lo` and sees the same.
  bool skip_if_empty = false;
  // What the source wants to know at the next run, of this job and stream, beside what is loaded.
  // Opaque. Kept before the first row is read; a source must stay right when it is lost or older.
  std::string memory;
  // What one run will read, where the source can say cheaply.
  std::optional<std::int64_t> rows_expected;
  std::optional<std::int64_t> bytes_expected;
};

// A piece of a window that is read on its own: `text` is the source's own description (the SQL, or
// the file), `range` which part of it, empty where it is all. `plan` shows both. A split is good
// for every process that reads the same window.
struct Split {
  std::string text;
  std::string range = {};
  friend bool operator==(const Split&, const Split&) = default;
};

// Rows whose `column`, of whole numbers, lies in [from, to). Without `to` it is open, and has the
// rows without a value.
struct RowRange {
  std::string column;
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
};

// What the values of a watermark's column are, and how they are written for who knows no source:
// `2026-01-02T03:04:05.678901Z`, `2026-01-02 03:04:05.678901`, `2026-01-02`, `42`.
enum class CursorShape {
  instant,  // a moment, whatever the zone it is shown in
  wall,     // what a clock on a wall shows
  day,
  number,  // a whole one
};

// Decodes rows into batches. Destroying it ends the read and frees its connection.
class Reader {
 public:
  virtual ~Reader() = default;
  // Fills up to writer.capacity() rows; returns how many; 0 means the end. Blocks; returns soon
  // after `cancel`. Rejected rows are not counted. After an error the reader is dead.
  virtual Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) = 0;
  // Where the next row stands, for Source::open_at; nothing where a read cannot begin there, which
  // may be so for some rows only.
  virtual std::optional<Position> place() const { return std::nullopt; }
};

// A split that the engine reads by itself (files). `rows` is a SELECT with exactly the discovered
// columns; `rejects` a SELECT of (raw BLOB, "column" VARCHAR, reason VARCHAR, locator VARCHAR) over
// the same input, run after `rows`; empty when nothing can be rejected.
struct EngineScan {
  std::vector<std::string> setup;
  std::string rows;
  std::string rejects;
  std::vector<std::string> teardown;
};

using Extraction = std::variant<std::unique_ptr<Reader>, EngineScan>;

class Source {
 public:
  virtual ~Source() = default;
  // The types of an earlier load, for sources that find types from values (files); before any other
  // call.
  virtual void pin(const Schema&) {}
  // The columns as they will be staged. Idempotent, blocking.
  virtual Result<Schema> discover(Cancel& cancel) = 0;
  // True when upper() needs Progress::history (files).
  virtual bool wants_history() const { return false; }
  // Reads bounds only, never rows. Idempotent, blocking.
  virtual Result<WindowBound> upper(const Progress& progress, Cancel& cancel) = 0;
  // Whether rows of windows that ended at or below `lo` may have a value in one of the columns;
  // true where the source cannot be asked. Reads rows, as few as it can. Blocking.
  virtual Result<bool> may_hold(const std::vector<std::string>&, const Position&, Cancel&) {
    return true;
  }
  // The columns are not read, and discover() does not name them any more. After discover().
  virtual Status leave_out(const std::vector<std::string>& columns);
  // From now on only these columns are read, of all rows, as they stand when they are read: on a
  // server that has what it had when a window up to `since` was read, or later. Where nobody can
  // tell that, open() fails, and so it does where a row may be hidden from this reader. After
  // discover(), of a Source that was opened without a watermark.
  virtual Status only_keys(const std::vector<std::string>& columns,
                           const std::optional<Position>& since);
  // The plan is made and the read may come later: gives back what others could use meanwhile, such
  // as a connection. Everything may still be called.
  virtual void rest() {}
  // The value of the watermark's column that a position stands for, as text; empty where positions
  // are no values (transactions, files). After discover().
  virtual std::string cursor_value(const Position&) const { return {}; }
  // What these values are; nothing where positions are no values, or the values no such ones. After
  // discover().
  virtual std::optional<CursorShape> cursor_shape() const { return std::nullopt; }
  // The position of a value that is written as cursor_shape() says. It names no place. REQUIRES a
  // cursor_shape().
  virtual Position position_of(const std::string& value) const { return {value}; }
  // How many rows a window has, as the source guesses without reading them; nothing where it
  // cannot.
  virtual Result<std::optional<std::int64_t>> rows_estimated(const Window&, Cancel&) {
    return std::optional<std::int64_t>();
  }
  // From now on split() asks only for rows in one of the ranges; none: all. False: this source
  // reads all, and whoever asked picks his rows himself.
  virtual bool keep_to(const std::vector<RowRange>&) { return false; }
  // At least one split unless the window is empty.
  virtual Result<std::vector<Split>> split(const Window& window, Cancel& cancel) = 0;
  virtual Result<Extraction> open(const Split& split, Cancel& cancel) = 0;
  // How many splits may be read at a time.
  virtual int readers_max() const { return 1; }
  // As open_at(), or open() without a place, for a reader beside others: nothing where what it
  // needs is wanted by others now.
  virtual Result<std::optional<Extraction>> open_beside(const Split&,
                                                        const std::optional<Position>&, Cancel&) {
    return std::optional<Extraction>();
  }
  // True: a read of a window that died can be gone on with, by this process or another, at the
  // places that were kept, and what it gives is what the window means.
  virtual bool can_go_on() const { return false; }
  // What the places of rows depend on beside window, columns and split, such as the file of a
  // table: where it is another the read begins anew. After discover().
  virtual std::string places_depend_on() const { return {}; }
  // As open(), from a place that a Reader of the same split and window gave. REQUIRES can_go_on().
  virtual Result<Extraction> open_at(const Split&, const Position&, Cancel&) {
    return internal_error("source.cannot_go_on", "this source reads its splits from the beginning");
  }
  // After the last row: is what was read still what the window names (a file that changed under the
  // read)?
  virtual Status verify(const Window& window, Cancel& cancel) = 0;
  // After the target committed. Idempotent; a failure costs nothing but a later repeat.
  virtual Status acknowledge(const Position&) { return {}; }
};

// `source.column_changed`: a column is not what it was at the plan, so nothing of the read counts;
// the next run plans anew. `what` names the column and what became of it.
Error column_changed(const std::string& what);

}  // namespace tidemark
