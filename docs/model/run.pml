/* One stream's runs under everything that can go wrong with them. README.md says how to read it.
 *
 * Workers take the job's lease, raise the ledger's fence, read the source into a stage, load it and
 * commit. Around them: a worker dies, or stalls past its lease; the store loses its last
 * transactions; the connection is cut at COMMIT; the target refuses a commit, or a read fails.
 *
 * Every atomic block is one step of the world: a transaction of the store, a statement in the
 * target, a call to the file system. Between two of them anything else may happen, for as long as
 * it likes. DROP leaves protections out; then some invariant must break. */

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef ROWS
#define ROWS 2      /* of the source; windows end at any of them */
#endif
#ifndef LOSES
#define LOSES 2     /* transactions of the store that a failover takes back, at most */
#endif
#ifndef EXCUSED
#define EXCUSED (txn_seq == 1 && failed_over)   /* of I4, see README.md */
#endif
#define TOKENS 12   /* more than are ever given out, which is asserted */

#define SEQ_NOT_COMPARED 1        /* a load sets the ledger's seq without looking at the old one */
#define FENCE_NOT_COMPARED 2      /* a load does not look at the ledger's fence */
#define NO_TOKEN_IN_PATH 4        /* a stage is named by its seq alone */
#define LEDGER_FIRST 8            /* the ledger moves in a transaction of its own, before the rows */
#define LEDGER_LAST 16            /* ... after them */
#define LOST_IS_SUCCESS 32        /* a lost answer to COMMIT counts as committed */
#define LOST_IS_FAILURE 64        /* ... as rolled back */
#define IN_PROGRESS_IGNORED 128   /* the ledger is asked while the commit may be in progress */
#define STAGE_REMOVED_EARLY 256   /* after a lost answer the stage goes before the ledger is read */
#define NOT_ANNOUNCED 512         /* the fence is not raised before the work */
#define MARK_NOT_COMPARED 1024    /* transitions in the store are not compare-and-set */
#define LEDGER_NOT_ASKED 2048     /* retention removes sealed stages without asking the ledger */
#define FOLDER_SHARED 4096        /* a folder that was left unsealed under the same token is taken */
#define TAKEN_BACK 8192           /* an older token may take a run back from a newer one */
#define NO_LOAD_ID 16384          /* loads have no unique id */
#define LEASE_NOT_CHECKED 32768   /* a worker that was stalled does not look at its lease before COMMIT */
#define SESSIONS_NOT_ENDED 65536  /* the sessions of older owners go on */
#define SEQ_FROM_STORE 131072     /* windows are numbered from the last run of the store */
#define WATERMARK_EARLY 262144    /* the watermark is set before COMMIT */
#define ROWS_NOT_COUNTED 524288   /* a read that broke off is sealed as if it were whole */
#ifndef DROP
#define DROP 0                    /* the sum of those that are left out */
#endif
#define dropped(what) ((DROP & what) != 0)

mtype = { planned, extracting, staged, checked, loading, commit_unknown, committed, done,
          retry_wait, failed, skipped };

/* The store. `token` is the last one given out, and the lease's. (id, state, version, fence) is the
 * mark that a worker must know to move the stream on. */
typedef Store {
  byte token, holder;             /* 0: nobody */
  byte id;
  mtype state;                    /* 0: no run yet */
  byte version, fence;
  byte seq, hi;
  byte stage;                     /* the token in the sealed stage's path; 0: none */
  byte watermark;                 /* the copy for people */
};
Store store, before_loss, nothing;
byte remembers;                   /* transactions since before_loss, which a failover undoes */

/* The target. hi_of[seq - 1] and hi_of[seq] are the ends of a window, so (seq, hi) is a load_id. */
bool head_exists;
byte head_seq, head_fence;
byte hi_of[ROWS + 1];
byte in_target[ROWS + 1], in_quarantine[ROWS + 1];

/* The one transaction that holds the lock on the head; who wants it too waits. */
mtype = { idle, open, dying, committing };
mtype txn = idle;
byte txn_owner, txn_token, txn_seq, txn_hi, txn_top;
bool heard;                       /* its connection stands: the answer will arrive */
bool session[WORKERS + 1];        /* for a load; its name says whose it is and with which token */
mtype = { yes, no };
mtype answer[WORKERS + 1];

/* Stages, by seq and token: of the window up to `hi` the rows up to `top` are in. One that is not
 * sealed is its writer's, or was LEFT by a dead one. */
#define LEFT 7
typedef Folder {
  unsigned writer : 3;
  unsigned top : 2;
  unsigned hi : 2;
  bit sealed;
};
Folder folder[ROWS * TOKENS];

chan kill = [0] of { byte };
byte token_of[WORKERS + 1];       /* what a worker believes to hold; 0: nothing */
byte id_of[WORKERS + 1];          /* the run it works on */
byte fence_seen[WORKERS + 1];     /* of the ledger, as it last read the head */
bool stalled[WORKERS + 1];        /* longer than its lease, which another has taken meanwhile */
byte stalls, failovers, cuts, errors;

/* Known to nobody; for the assertions. */
byte newest;                      /* the highest token that was announced */
bool own_load[WORKERS + 1];       /* a transaction of this very worker is in */
bool failed_over;
byte joined;

#define is_final(state) (state == done || state == failed || state == skipped || state == 0)
#define is_good(row) (row % 2 == 1) /* a rule refuses the others */
#define in_ledger(s, h) (head_seq >= s && hi_of[s] == h)
#define nothing_left(s) (hi_of[s] == ROWS)
#define nothing_to_do (nothing_left(head_seq) && is_final(store.state))
#if DROP & NO_TOKEN_IN_PATH
#define place(s, t) folder[(s - 1) * TOKENS]
#else
#define place(s, t) folder[(s - 1) * TOKENS + t]
#endif
#define here place(seq, stage)
#define is_whole (here.sealed && (here.top == hi || dropped(ROWS_NOT_COUNTED)) && here.hi == hi)
#if DROP & NO_TOKEN_IN_PATH
#define is_taken false
#elif DROP & FOLDER_SHARED
#define is_taken here.sealed
#else
#define is_taken (here.writer != 0 || here.sealed)
#endif
#define mine (txn_owner == me)
#define in_progress (txn != idle && mine)
#define truly_not_in (!own_load[me] && !in_progress)
#define my_lease (store.holder == me && store.token == token_of[me])
#define my_mark(from) (dropped(MARK_NOT_COMPARED) || (store.id == id_of[me] && \
                       store.state == from && store.version == version && \
                       store.fence == token_of[me]))

inline copy(to, from) {
  to.token = from.token; to.holder = from.holder; to.id = from.id; to.state = from.state;
  to.version = from.version; to.fence = from.fence; to.seq = from.seq; to.hi = from.hi;
  to.stage = from.stage; to.watermark = from.watermark
}
inline forget_store() {
  copy(before_loss, nothing); remembers = 0; failovers--
}

/* Begins a transaction of the store: the failover may bring back what was before it. */
inline begin_store() {
  if
  :: failovers > 0 && remembers == 0 -> copy(before_loss, store); remembers = 1
  :: remembers == 0
  :: remembers > 0 && remembers < LOSES -> remembers++
  :: remembers > 0 && remembers >= LOSES -> forget_store()
  fi
}

/* One transition. tests/model_test.py holds every pair written here against the program's table.
 * Who does not find its own mark stops. */
inline step(from, to) {
  atomic {
    if
    :: !my_mark(from) -> goto stop
    :: else -> assert(store.fence == token_of[me]);                                 /* I4 */
       begin_store(); version++; store.state = to; store.version = version
    fi
  }
}
inline step_with_stage(from, to) {
  atomic {
    if
    :: !my_mark(from) -> goto stop
    :: else -> assert(store.fence == token_of[me]);                                 /* I4 */
       begin_store(); version++; store.state = to; store.version = version;
       store.stage = stage
    fi
  }
}
inline step_with_window(from, to) {
  atomic {
    choose_window();
    if
    :: !my_mark(from) -> goto stop
    :: else -> assert(store.fence == token_of[me]);                                 /* I4 */
       begin_store(); version++; store.state = to; store.version = version;
       store.seq = seq; store.hi = hi; store.stage = 0
    fi
  }
}
/* The end of a run, and of the lease with it. */
inline finish(from, to) {
  atomic {
    if
    :: !my_mark(from) -> goto stop
    :: else -> assert(store.fence == token_of[me]);                                 /* I4 */
       begin_store(); store.state = to;
       store.id = 0; store.version = 0; store.fence = 0; store.hi = 0; store.stage = 0;
#if !(DROP & SEQ_FROM_STORE)
       store.seq = 0;
#endif
       if
       :: my_lease -> store.holder = 0
       :: else
       fi
    fi;
    let_go()
  }
}

/* What a worker had in hand; the target notices that its connection is gone. */
inline let_go() {
  hang_up();
  if :: mine -> txn_owner = 0 :: else fi;
  session[me] = false; stalled[me] = false;
  answer[me] = 0; token_of[me] = 0; own_load[me] = false; at = 0;
  id_of[me] = 0; version = 0; seq = 0; hi = 0; stage = 0; seen_seq = 0; fence_seen[me] = 0
}
inline hang_up() {
  if
  :: mine && txn == open -> txn = dying; heard = false
  :: mine && txn != open -> heard = false
  :: else
  fi
}
inline end_session(who) {
  if :: token_of[who] < token_of[me] -> session[who] = false :: else fi
}
inline end_transaction(word) {
  if :: heard -> answer[txn_owner] = word :: else fi;
  txn = idle; txn_owner = 0; txn_token = 0; txn_seq = 0; txn_hi = 0; txn_top = 0; heard = false
}

inline set_watermark() {
  store.watermark = hi; assert(store.watermark <= hi_of[head_seq])                  /* I5 */
}
inline choose_window() {
  seq = (dropped(SEQ_FROM_STORE) -> store.seq : seen_seq) + 1; stage = 0; hi = hi_of[seen_seq] + 1;
  do
  :: hi < ROWS -> hi++
  :: break
  od;
  seen_seq = 0
}
inline choose_id() {
  number = 1;
  do
  :: number == before_loss.id || number == id_of[1] || number == id_of[2] ||
     number == id_of[WORKERS] -> number++
  :: else -> break
  od;
  id_of[me] = number; number = 0
}
inline clear(one) {
  one.writer = 0; one.top = 0; one.hi = 0; one.sealed = 0
}
/* A writer that is not destroyed but killed leaves what it wrote. */
inline close_writer(leave) {
  if
  :: stage != 0 && here.writer == me && leave -> here.writer = LEFT
  :: stage != 0 && here.writer == me && !leave -> clear(here)
  :: else
  fi
}
/* Retention: stages of windows that are in, unless the store's run refers to them. */
inline retain() {
  number = 0;
  do
  :: number < ROWS * TOKENS ->
     if
     :: (number < head_seq * TOKENS || dropped(LEDGER_NOT_ASKED)) &&
        !(store.stage != 0 && number == (store.seq - 1) * TOKENS + store.stage) ->
        clear(folder[number])
     :: else
     fi;
     number++
  :: else -> break
  od;
  number = 0
}
/* What older owners left unsealed: a read of the same window is gone on with, by a rename; all
 * others are removed. Sealed stages are not touched. */
inline take_older_reads() {
  number = token_of[me] - 1;
  do
  :: number > 0 && place(seq, number).writer != 0 ->
     if
     :: place(seq, number).hi == hi && here.writer == 0 -> here.writer = me;
        here.top = place(seq, number).top; here.hi = hi
     :: true
     fi;
     clear(place(seq, number)); number--
  :: number > 0 && place(seq, number).writer == 0 -> number--
  :: else -> break
  od;
  number = 0
}

proctype Worker(byte me) {
  byte version;                   /* of its mark */
  byte seq, hi, stage;            /* the window, the token in the path of its stage */
  mtype at;                       /* the state in which it took a left run up */
  byte seen_seq;                  /* of the head of the ledger, as last read */
  byte number;

start:
  /* 1: the head of the ledger. Nothing is held yet, so it may be old at the next step. */
end:
  atomic { !nothing_to_do -> seen_seq = head_seq; fence_seen[me] = head_fence };

  /* 2: the lease and a new token. A dead worker's lease expires; one whose holder lives is taken
   * only while that worker stalls. */
  atomic {
    me <= joined + 1 || nothing_to_do ->   /* workers are alike: number 1 is who claims first */
    if
    :: nothing_to_do -> goto stop
    :: !nothing_to_do && (store.holder == 0 || token_of[store.holder] != store.token)
    :: !nothing_to_do && store.holder != 0 && token_of[store.holder] == store.token &&
       stalls > 0 -> stalls--; stalled[store.holder] = true
    fi;
    if :: me > joined -> joined = me :: else fi;
    begin_store();
    if
    :: is_final(store.state) && fence_seen[me] > store.token -> store.token = fence_seen[me] + 1
    :: else -> store.token++
    fi;
    assert(store.token < TOKENS);
    token_of[me] = store.token; store.holder = me;
    at = store.state; id_of[me] = store.id; fence_seen[me] = 0
  };

  {
    /* 3: the fence. Older owners' sessions are ended, and their end is waited for: one that is
     * committing cannot be stopped. Who finds its own token there, or a newer one, stops. */
    atomic {
#if !(DROP & NOT_ANNOUNCED)
      if
      :: txn == idle || (txn == open && txn_token < token_of[me]) ||
         (!head_exists && (txn_token >= token_of[me] || dropped(SESSIONS_NOT_ENDED)))
      fi;
#if !(DROP & SESSIONS_NOT_ENDED)
      if
      :: txn == open && txn_token < token_of[me] -> end_transaction(no)
      :: else
      fi;
      end_session(1); end_session(2);
#if WORKERS > 2
      end_session(3);
#endif
#endif
      if
      :: head_exists && head_fence >= token_of[me] -> goto stop
      :: head_exists && head_fence < token_of[me] -> head_fence = token_of[me]
      :: !head_exists
      fi;
#endif
      if :: token_of[me] > newest -> newest = token_of[me] :: else fi;
      seen_seq = 0;
      if
      :: !is_final(at) -> at = 0; goto takes_over
      :: else -> at = 0; id_of[me] = 0; seen_seq = head_seq
      fi
    };

    /* A new run, planned anew where the head has moved. */
    atomic {
      if
      :: nothing_left(seen_seq) || !is_final(store.state) -> goto stop
      :: else
      fi;
      begin_store(); choose_id(); choose_window(); version = 1;
      store.id = id_of[me]; store.state = planned; store.version = version;
      store.fence = token_of[me]; store.seq = seq; store.hi = hi; store.stage = 0
    };
    goto is_planned;

    /* A run that was left: what the ledger has is done, the rest is tried again. */
takes_over:
    atomic {
      if
      :: store.id != id_of[me] -> goto stop
      :: store.id == id_of[me] && store.fence >= token_of[me] && !dropped(TAKEN_BACK) -> goto stop
      :: else
      fi;
      begin_store();
      assert(store.fence < token_of[me]);                                           /* I4 */
      store.fence = token_of[me]; store.version++;
      version = store.version; seq = store.seq; hi = store.hi; stage = store.stage; at = store.state;
      if
      :: at == planned -> at = 0; goto left_planned
      :: at == extracting -> at = 0; goto left_extracting
      :: at == staged -> at = 0; goto left_staged
      :: at == checked -> at = 0; goto left_checked
      :: at == loading -> at = 0; goto left_loading
      :: at == commit_unknown -> at = 0; goto left_unknown
      :: at == committed -> at = 0; goto is_committed
      :: at == retry_wait -> at = 0; goto tries_again
      fi
    };
left_planned:
    step(planned, retry_wait); goto tries_again;
left_extracting:
    step(extracting, retry_wait); goto tries_again;
left_staged:
    step(staged, retry_wait); goto tries_again;
left_checked:
    step(checked, retry_wait); goto tries_again;
left_unknown:
    if
    :: in_ledger(seq, hi) -> step(commit_unknown, committed); goto is_committed
    :: !in_ledger(seq, hi) -> step(commit_unknown, loading)
    fi;
left_loading:
    if
    :: in_ledger(seq, hi) -> step(loading, committed); goto is_committed
    :: !in_ledger(seq, hi) -> step(loading, retry_wait)
    fi;
tries_again:
    atomic {
      seen_seq = head_seq;
      if
      :: stage != 0 && seq == seen_seq + 1 -> seen_seq = 0; assert(is_whole)        /* I8 */
      :: stage != 0 && seq != seen_seq + 1 -> goto is_overtaken
      :: stage == 0 -> goto reads_again
      fi
    };
    step(retry_wait, staged);
    goto is_staged;
is_overtaken:
    finish(retry_wait, failed);
    goto start;
reads_again:
    if
    :: nothing_left(seen_seq) -> step(retry_wait, planned); finish(planned, skipped); goto start
    :: !nothing_left(seen_seq) -> step_with_window(retry_wait, planned)
    fi;

    /* 4: the source into a stage of its own. */
is_planned:
    step(planned, extracting);
    atomic {
      stage = token_of[me];
      if
      :: is_taken -> stage = 0; goto is_unread
      :: else
      fi;
#if DROP & (NO_TOKEN_IN_PATH + FOLDER_SHARED)
      clear(here);
#endif
      take_older_reads();
      if
      :: here.writer != me -> here.writer = me; here.hi = hi; here.top = hi_of[seq - 1]
      :: else
      fi
    };
    do
    :: atomic { here.writer == me && here.top < hi -> here.top++ }
    :: atomic { here.writer == me && here.top >= hi -> here.writer = 0; here.sealed = 1; break }
    :: atomic { here.writer != me ->              /* taken over or removed: its path is gone */
         assert(here.writer == 0 || here.writer == LEFT); goto is_unread }          /* I4 */
#if DROP & ROWS_NOT_COUNTED
    :: atomic { errors > 0 && here.writer == me -> errors--; here.writer = 0; here.sealed = 1; break }
#endif
    :: atomic { errors > 0 -> errors--; goto is_unread }
    od;
    step_with_stage(extracting, staged);

is_staged:
    step(staged, checked);
    step(checked, loading);

    /* 5: a session; rows, refused rows and load_id; a look at the lease; last the head. */
    atomic { session[me] = true; own_load[me] = false };
    atomic {
      if
      :: stalled[me] && !dropped(LEASE_NOT_CHECKED) -> goto stop
      :: else
      fi
    };
    atomic {
      txn == idle || !session[me] ->
      if
      :: !session[me] -> goto is_fenced
      :: else
      fi;
      if
      :: in_ledger(seq, hi) && !dropped(NO_LOAD_ID) -> goto is_in
      :: !(in_ledger(seq, hi) && !dropped(NO_LOAD_ID)) &&
         (head_seq == seq - 1 || dropped(SEQ_NOT_COMPARED)) &&
         (head_fence <= token_of[me] || dropped(FENCE_NOT_COMPARED)) ->
         assert(is_whole);                                                          /* I8 */
#if DROP & LEDGER_FIRST
         head_seq = seq; hi_of[seq] = hi; head_exists = true;
#endif
         txn = open; txn_owner = me; heard = true;
         txn_token = token_of[me]; txn_seq = seq; txn_hi = hi; txn_top = here.top
      :: else -> goto is_fenced
      fi
    };

    /* 6: COMMIT. */
#if DROP & WATERMARK_EARLY
    atomic { set_watermark() };
#endif
    if
    :: atomic { txn == open && mine -> txn = committing }
    :: atomic { txn == open && mine && cuts > 0 -> cuts--; hang_up(); goto is_lost }
    :: atomic { answer[me] == no -> answer[me] = 0; goto is_fenced }
    fi;
    if
    :: atomic { answer[me] == yes -> answer[me] = 0 }
    :: atomic { answer[me] == no -> answer[me] = 0; goto is_fenced }
    :: atomic { cuts > 0 -> cuts--; hang_up(); answer[me] = 0; goto is_lost }
    fi;
#if DROP & LEDGER_LAST
    atomic { head_seq = seq; hi_of[seq] = hi };
#endif
is_in:
    step(loading, committed);
is_committed:
    atomic {
      assert(in_ledger(seq, hi));                                                   /* I7 */
      number = 1;
      do
      :: number <= hi -> assert(in_target[number] + in_quarantine[number] == 1); number++ /* I1 */
      :: else -> break
      od;
      number = 0;
      set_watermark()
    };
    finish(committed, done);
    atomic { retain(); goto start };

is_lost:
#if DROP & LOST_IS_SUCCESS
    goto is_in;
#endif
#if DROP & LOST_IS_FAILURE
    goto is_fenced;
#endif
    step(loading, commit_unknown);
#if DROP & STAGE_REMOVED_EARLY
    atomic { clear(here) };
#endif
    /* Not while the transaction may be in progress: pg_xact_status. Then the ledger. Where nobody
     * can be asked the run stays open. */
    if
    :: atomic { cuts > 0 -> cuts--; goto stop }
    :: atomic { (!in_progress || dropped(IN_PROGRESS_IGNORED)) && in_ledger(seq, hi) }
    :: atomic { (!in_progress || dropped(IN_PROGRESS_IGNORED)) && !in_ledger(seq, hi) -> goto is_not_in }
    fi;
    step(commit_unknown, committed);
    goto is_committed;
is_not_in:
    step(commit_unknown, loading);
is_fenced:
    assert(truly_not_in);                                                           /* I7 */
    finish(loading, failed);
    goto start;
is_unread:
    close_writer(false);
    finish(extracting, failed);
    goto start
  } unless {
    kill ? eval(me)
  };
  atomic { close_writer(true); let_go(); goto start };
stop:
  atomic {
    if
    :: my_lease -> begin_store(); store.holder = 0
    :: else
    fi;
    close_writer(false);
    let_go();
    goto start
  }
}

/* What the target does with the transaction that holds the lock. */
active proctype Target() {
  byte row;
end:
  do
  :: atomic {
       txn == committing ->
       row = hi_of[txn_seq - 1] + 1;
       do
       :: row <= txn_top ->
          if
          :: is_good(row) -> in_target[row]++
          :: else -> in_quarantine[row]++
          fi;
          assert(in_target[row] + in_quarantine[row] == 1);                         /* I2 */
          row++
       :: else -> break
       od;
       row = 0;
       assert(txn_top == txn_hi);                                                   /* I6 */
#if !(DROP & LEDGER_FIRST)
       assert(txn_seq == head_seq + 1);                                             /* I3 */
#endif
       assert(txn_token >= newest || EXCUSED);                                      /* I4 */
#if !(DROP & LEDGER_LAST)
       head_seq = txn_seq; hi_of[txn_seq] = txn_hi;
#endif
       head_fence = txn_token; head_exists = true;
       if :: txn_owner != 0 -> own_load[txn_owner] = true :: else fi;
       end_transaction(yes)
     }
  :: atomic { txn == committing && errors > 0 -> errors--; end_transaction(no) }
  :: atomic { txn == dying -> end_transaction(no) }
  od
}

/* kill -9, at any moment in which the worker holds a token. */
proctype Death() {
end:
  if
  :: kill ! 1
  :: kill ! 2
#if WORKERS > 2
  :: kill ! 3
#endif
  fi
}

proctype Failover() {
end:
  atomic { remembers > 0 -> copy(store, before_loss); forget_store(); failed_over = true }
}

inline faults(deaths, stall_count, failover_count, cut_count, error_count) {
  stalls = stall_count; failovers = failover_count; cuts = cut_count; errors = error_count;
  do :: count < deaths -> count++; run Death() :: else -> break od;
  count = 0;
  do :: count < failovers -> count++; run Failover() :: else -> break od;
  count = 0
}

init {
  byte count;
  atomic {
    do :: count < WORKERS -> count++; run Worker(count) :: else -> break od;
    count = 0;
    if
#ifdef FAULTS
    :: faults(FAULTS)
#elif defined(FEW_FAULTS)
    :: faults(1, 0, 0, 1, 0)
    :: faults(0, 1, 0, 1, 0)
    :: faults(0, 0, 0, 1, 1)
    :: faults(0, 0, 1, 0, 0)
#else
    /* Any two faults, and some threes. From left to right: deaths, stalls, failovers of the store,
     * cut connections, errors of source or target. */
    :: faults(1, 1, 0, 0, 0)
    :: faults(1, 0, 0, 1, 1)
    :: faults(0, 1, 0, 1, 1)
    :: faults(2, 0, 0, 0, 0)
    :: faults(0, 2, 0, 0, 0)
    :: faults(1, 0, 1, 0, 0)
    :: faults(0, 1, 1, 0, 0)
    :: faults(0, 0, 1, 1, 0)
    :: faults(0, 0, 1, 0, 1)
#endif
    fi
  }
}
