/*
 * restAlone(...): does what src/flow/tables/lone-syns.ts does with a SYN that nothing has followed, for all those that wait:
 * replaces the records of its flow and its pair by a row of 64 bytes, provided that both records can be restored from
 * the row to the last word. In a flood these records are scattered in memory, so those of the next SYNs are prefetched
 * here. Functions have the names of the TypeScript functions that they repeat; lone-row.ts explains the words of a row.
 */
#include "flow.h"
#include "memory.h"

/* LoneRow and LoneBit of lone-row.ts. */
enum {
  ROW_AT = 0,
  ROW_FRAME = 2,
  ROW_HOST_A,
  ROW_HOST_B,
  ROW_PORTS,
  ROW_SCOPE,
  ROW_SEQ,
  ROW_TSVAL,
  ROW_WINDOW_TTL_FLAGS,
  ROW_CAPTURE,
  ROW_OPTIONS,
  ROW_CLOCK_SAMPLE,
  ROW_SERIAL,
  ROW_PLACE,
  ROW_WORDS = 16, /* times are doubles */
};
enum { ROW_BIT_LIVE = 4, ROW_BIT_CLIENT_IS_B = 8, ROW_BIT_TOLD = 16, ROW_BIT_LOST = 32 };
#define ALONE (uint32_t)(PHASE_SYN_SENT | FLOW_BIT_INDEXED | FLOW_BIT_CLIENT_KNOWN)

/* NONE of pending-syns.ts, and POPULATED of flow-table.ts. */
#define NO_ENTRY 0x7fffffff
#define POPULATED 2048

/* How many SYNs ahead a flow's record is prefetched (FAR_AHEAD), and then what that record refers to (AHEAD). */
#define AHEAD 12
#define FAR_AHEAD 24
#define LINE_WORDS 16

/* Counters that TypeScript keeps in fields, in the order of LoneSyns.counts. */
enum { SIZE, LONE, INDEXED, FREE_COUNT, PAIRS, FREE_PAIR, FREE_ROW, ROWS, EPOCH, COUNTS };

struct tables {
  struct words flows, index, free, pairs, pair_index, rows, lone_index;
  const double *times;
  int32_t *values;
  uint32_t line_mask;
  uint32_t salt;
  int32_t *n;
};

struct records {
  uint32_t flow[FLOW_WORDS];
  uint32_t pair[PAIR_WORDS];
};

/* LoneRecords.write. */
static void write_row(const uint32_t *flow, const uint32_t *pair, uint32_t *row) {
  const uint32_t state = flow[FLOW_STATE];
  const bool client_is_b = (state & FLOW_BIT_CLIENT_IS_B) != 0;
  const uint32_t *side = flow + (client_is_b ? FLOW_SIDE_B : FLOW_SIDE_A);
  const uint32_t *direction = pair + PAIR_DIRECTIONS + (client_is_b ? PAIR_DIRECTION_WORDS : 0);
  const uint32_t ttl_id = side[SIDE_TTL_ID], flags = side[SIDE_SENT_FLAGS];
  const uint32_t scale = side[SIDE_BITS] >> SIDE_SCALE_SHIFT & 15;
  memcpy(row + ROW_AT, flow + FLOW_OPENED, sizeof(double));
  row[ROW_FRAME] = side[SIDE_SENT_FRAME];
  row[ROW_HOST_A] = flow[FLOW_HOST_A];
  row[ROW_HOST_B] = flow[FLOW_HOST_B];
  row[ROW_PORTS] = flow[FLOW_PORTS];
  row[ROW_SCOPE] = flow[FLOW_SCOPE];
  row[ROW_SEQ] = side[SIDE_ISN];
  row[ROW_TSVAL] = side[SIDE_SENT_TSVAL];
  row[ROW_WINDOW_TTL_FLAGS] = side[SIDE_WINDOW] << 16 | ttl_id >> 16 << 8 | (flags & 0xff);
  row[ROW_CAPTURE] = flow[FLOW_CAPTURE];
  row[ROW_OPTIONS] = ttl_id << 16 | scale << 8 | ROW_BIT_LIVE | (client_is_b ? ROW_BIT_CLIENT_IS_B : 0) |
                     ((state & FLOW_BIT_TOLD) != 0 ? ROW_BIT_TOLD : 0) |
                     (direction[PAIR_TRIED_LOST] != 0 ? ROW_BIT_LOST : 0) | (flags >> 8 & 3);
  row[ROW_CLOCK_SAMPLE] = flow[FLOW_CLOCK_SAMPLE];
  row[ROW_SERIAL] = pair[PAIR_SERIAL];
}

/* LoneRecords.make. */
static void make(const uint32_t *row, uint32_t epoch, struct records *made) {
  const double at = double_at(row + ROW_AT);
  const uint32_t options = row[ROW_OPTIONS];
  const bool client_is_b = (options & ROW_BIT_CLIENT_IS_B) != 0;
  const uint32_t window = row[ROW_WINDOW_TTL_FLAGS] >> 16, ttl = row[ROW_WINDOW_TTL_FLAGS] >> 8 & 0xff;
  const uint32_t flags = row[ROW_WINDOW_TTL_FLAGS] & 0xff, capture = row[ROW_CAPTURE] & ~0xffffu;
  const uint32_t ip_id = options >> 16, scale = options >> 8 & 0xff, timestamps = options & 3;
  uint32_t *const flow = made->flow, *const pair = made->pair;
  memset(made, 0, sizeof *made);

  flow[FLOW_HOST_A] = row[ROW_HOST_A];
  flow[FLOW_HOST_B] = row[ROW_HOST_B];
  flow[FLOW_PORTS] = row[ROW_PORTS];
  flow[FLOW_SCOPE] = row[ROW_SCOPE];
  flow[FLOW_STATE] = epoch << FLOW_EPOCH_SHIFT | ALONE | (client_is_b ? FLOW_BIT_CLIENT_IS_B : 0) |
                     ((options & ROW_BIT_TOLD) != 0 ? FLOW_BIT_TOLD : 0);
  flow[FLOW_CAPTURE] = row[ROW_CAPTURE];
  flow[FLOW_CLOCK_SAMPLE] = row[ROW_CLOCK_SAMPLE];
  set_double(flow + FLOW_OPENED, at);
  set_double(flow + FLOW_LAST, at);
  uint32_t *const side = flow + (client_is_b ? FLOW_SIDE_B : FLOW_SIDE_A);
  flow[(client_is_b ? FLOW_SIDE_A : FLOW_SIDE_B) + SIDE_BITS] = NO_WINDOW_SCALE << SIDE_SCALE_SHIFT;
  uint32_t bits = SIDE_BIT_SPOKE | SIDE_BIT_SYN | (ip_id == 0 ? 0 : SIDE_BIT_IP_ID);
  if (timestamps == PRESENT) {
    bits |= SIDE_BIT_TS_ON_SYN;
    side[SIDE_TS_RECENT] = row[ROW_TSVAL];
    set_double(side + SIDE_TS_AT, at);
    side[SIDE_SYN_TSVAL] = row[ROW_TSVAL];
  } else if (timestamps == UNKNOWN) {
    bits |= SIDE_BIT_TS_CUT;
  }
  side[SIDE_BITS] = scale << SIDE_SCALE_SHIFT | bits;
  side[SIDE_ISN] = row[ROW_SEQ];
  side[SIDE_NXT] = row[ROW_SEQ] + 1;
  side[SIDE_WINDOW] = window;
  side[SIDE_MAX_WINDOW] = window;
  side[SIDE_PACKETS] = 1;
  side[SIDE_TTL_ID] = ttl << 16 | ip_id;
  set_double(side + SIDE_SENT_AT, at);
  side[SIDE_SENT_FRAME] = row[ROW_FRAME];
  side[SIDE_SENT_FLAGS] = capture | timestamps << 8 | flags;
  side[SIDE_SENT_SEQ] = row[ROW_SEQ];
  side[SIDE_SENT_TSVAL] = row[ROW_TSVAL];

  pair[PAIR_HOST_A] = row[ROW_HOST_A];
  pair[PAIR_HOST_B] = row[ROW_HOST_B];
  pair[PAIR_SCOPE] = row[ROW_SCOPE];
  pair[PAIR_FLOWS] = 1;
  pair[PAIR_HEARD] = epoch << 2 | (client_is_b ? 2 : 1);
  pair[PAIR_SERIAL] = row[ROW_SERIAL];
  uint32_t *const block = pair + PAIR_DIRECTIONS + (client_is_b ? PAIR_DIRECTION_WORDS : 0);
  block[PAIR_OPENED] = 1;
  block[PAIR_TRIED_LOST] = (options & ROW_BIT_LOST) == 0 ? 0 : 1;
  if (timestamps != PRESENT) return;
  set_double(block + PAIR_S_AT, at);
  block[PAIR_S_TS] = row[ROW_TSVAL];
  block[PAIR_S_FRAME] = row[ROW_FRAME];
  block[PAIR_S_PORTS] = client_is_b ? row[ROW_PORTS] << 16 | row[ROW_PORTS] >> 16 : row[ROW_PORTS];
  block[PAIR_S_SEQ] = row[ROW_SEQ];
  block[PAIR_S_FLAGS] = capture | PAIR_S_VALID | flags;
}

static uint32_t tuple_of(const uint32_t *flow, uint32_t salt) {
  return tuple_hash(flow[FLOW_HOST_A], flow[FLOW_HOST_B], flow[FLOW_PORTS], flow[FLOW_SCOPE], salt);
}

/* enter and leave of hash-index.ts. */
static void enter(struct words index, uint32_t hash, uint32_t slot) {
  const uint32_t mask = (uint32_t)index.length - 2;
  uint32_t probe = hash << 1 & mask;
  while (index.at[probe + 1] != 0) probe = (probe + 2) & mask;
  index.at[probe] = hash;
  index.at[probe + 1] = slot + 1;
}

static void leave(struct words index, uint32_t hash, uint32_t slot) {
  const uint32_t mask = (uint32_t)index.length - 2;
  uint32_t hole = hash << 1 & mask;
  while (index.at[hole + 1] != slot + 1) hole = (hole + 2) & mask;
  for (uint32_t probe = (hole + 2) & mask; index.at[probe + 1] != 0; probe = (probe + 2) & mask) {
    const uint32_t home = index.at[probe] << 1 & mask;
    if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
    index.at[hole] = index.at[probe];
    index.at[hole + 1] = index.at[probe + 1];
    hole = probe;
  }
  index.at[hole] = 0;
  index.at[hole + 1] = 0;
}

static uint32_t pair_home(const struct tables *t, uint32_t slot) {
  const uint32_t *pair = t->pairs.at + (size_t)slot * PAIR_WORDS;
  return pair_hash(pair[PAIR_HOST_A], pair[PAIR_HOST_B], pair[PAIR_SCOPE], t->salt);
}

/* Pairs.unindex. */
static void unindex(const struct tables *t, uint32_t slot) {
  const struct words index = t->pair_index;
  const uint32_t mask = (uint32_t)index.length - 1;
  uint32_t hole = pair_home(t, slot) & mask;
  while (index.at[hole] != slot + 1) hole = (hole + 1) & mask;
  for (uint32_t probe = (hole + 1) & mask; index.at[probe] != 0; probe = (probe + 1) & mask) {
    const uint32_t home = pair_home(t, index.at[probe] - 1) & mask;
    if (((probe - home) & mask) < ((probe - hole) & mask)) continue;
    index.at[hole] = index.at[probe];
    hole = probe;
  }
  index.at[hole] = 0;
}

/* The record to which an entry of the queue refers, perhaps another flow's by now; NULL if it is not in the table. */
static uint32_t *record_of(const struct tables *t, uint32_t number) {
  const int32_t value = t->values[number & t->line_mask];
  if (value < 0 || value == NO_ENTRY || (size_t)value + FLOW_WORDS > t->flows.length) return NULL;
  return t->flows.at + value;
}

static uint32_t *pair_of(const struct tables *t, const uint32_t *flow) {
  const size_t at = (size_t)flow[FLOW_PAIR] * PAIR_WORDS;
  return at + PAIR_WORDS <= t->pairs.length ? t->pairs.at + at : NULL;
}

/* Whether the record still belongs to the entry's SYN (PendingSyns.isTold is false) and has the state of a lone SYN. */
static bool may_rest(const struct tables *t, const uint32_t *flow, uint32_t number) {
  const uint32_t state = flow[FLOW_STATE];
  return (state & ~FLOW_BIT_CLIENT_IS_B & 0xffff) == ALONE &&
         double_at(flow + FLOW_OPENED) == t->times[number & t->line_mask];
}

static void fetch(const uint32_t *from, size_t count) {
  for (size_t i = 0; i < count; i += LINE_WORDS) __builtin_prefetch(from + i, 1);
}

static void fetch_what_it_leads_to(const struct tables *t, uint32_t number) {
  const uint32_t *flow = record_of(t, number);
  if (flow == NULL || !may_rest(t, flow, number)) return;
  const uint32_t *pair = pair_of(t, flow);
  if (pair != NULL) fetch(pair, PAIR_WORDS);
  const uint32_t hash = pair_hash(flow[FLOW_HOST_A], flow[FLOW_HOST_B], flow[FLOW_SCOPE], t->salt);
  __builtin_prefetch(t->index.at + (tuple_of(flow, t->salt) << 1 & ((uint32_t)t->index.length - 2)), 1);
  __builtin_prefetch(t->pair_index.at + (hash & ((uint32_t)t->pair_index.length - 1)), 1);
  __builtin_prefetch(t->lone_index.at + (hash << 1 & ((uint32_t)t->lone_index.length - 2)), 1);
}

/* LoneSyns.rest. Returns false, having done nothing, if the index of lone SYNs or the list of free records is full. */
static bool rest(const struct tables *t, uint32_t number) {
  int32_t *const n = t->n;
  uint32_t *const flow = record_of(t, number);
  if (flow == NULL || !may_rest(t, flow, number)) return true;
  uint32_t *const pair = pair_of(t, flow);
  if (pair == NULL) return true;
  if (n[LONE] == 0) n[EPOCH] = (int32_t)(flow[FLOW_STATE] >> FLOW_EPOCH_SHIFT);
  const bool is_free = n[FREE_ROW] > 0;
  const uint32_t slot = (uint32_t)(is_free ? n[FREE_ROW] - 1 : n[ROWS]);
  if (((size_t)slot + 1) * ROW_WORDS > t->rows.length) return true;
  uint32_t *const row = t->rows.at + (size_t)slot * ROW_WORDS;
  if (!is_free && slot % POPULATED == 0) {
    const size_t left = t->rows.length - (size_t)slot * ROW_WORDS, part = POPULATED * ROW_WORDS;
    populate_words(row, left < part ? left : part);
  }
  const int32_t next = is_free ? (int32_t)row[ROW_PLACE] : 0;

  struct records made;
  write_row(flow, pair, row);
  make(row, (uint32_t)n[EPOCH], &made);
  made.flow[FLOW_PAIR] = flow[FLOW_PAIR];
  if (memcmp(made.flow, flow, sizeof made.flow) != 0 || memcmp(made.pair, pair, sizeof made.pair) != 0) {
    row[ROW_OPTIONS] = 0;
    return true;
  }
  if (((size_t)n[LONE] + 1) * 4 > t->lone_index.length || (size_t)n[FREE_COUNT] >= t->free.length) {
    row[ROW_OPTIONS] = 0;
    return false;
  }
  if (is_free) n[FREE_ROW] = next;
  else n[ROWS]++;
  row[ROW_PLACE] = number;

  /* FlowTable.remove and release. */
  const uint32_t base = (uint32_t)(flow - t->flows.at), pair_slot = flow[FLOW_PAIR];
  leave(t->index, tuple_of(flow, t->salt), base / FLOW_WORDS);
  n[INDEXED]--;
  flow[FLOW_STATE] = FLOW_BIT_FREE;
  t->free.at[n[FREE_COUNT]++] = base;
  n[SIZE]--;
  /* Pairs.drop. */
  pair[PAIR_FLOWS] = 0;
  unindex(t, pair_slot);
  pair[PAIR_NEXT] = (uint32_t)n[FREE_PAIR];
  n[FREE_PAIR] = (int32_t)pair_slot;
  n[PAIRS]--;

  n[LONE]++;
  enter(t->lone_index, pair_hash(row[ROW_HOST_A], row[ROW_HOST_B], row[ROW_SCOPE], t->salt), slot);
  t->values[number & t->line_mask] = ~(int32_t)slot;
  return true;
}

/*
 * restAlone(memory, from, count, salt), with `memory` as in LoneMemory of capture/native.ts: returns how many of these
 * entries of the queue are done: fewer than `count` only if a table must grow first.
 */
napi_value rest_alone(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 4);
  struct words times, values, counts;
  struct tables t;
  const struct named_words memory[] = {
      {"times", &times},       {"values", &values},     {"flows", &t.flows},           {"index", &t.index},
      {"free", &t.free},       {"pairs", &t.pairs},     {"pairIndex", &t.pair_index},  {"rows", &t.rows},
      {"counts", &counts},     {"loneIndex", &t.lone_index},
  };
  if (!words_named(env, arguments[0], memory, sizeof memory / sizeof *memory)) return throw_last(env);
  if (times.length != values.length || counts.length < COUNTS) return throw_error(env, NULL, "not the memory of a queue");
  t.times = (const double *)times.at;
  t.values = (int32_t *)values.at;
  t.line_mask = (uint32_t)values.length - 1;
  t.n = (int32_t *)counts.at;
  t.salt = (uint32_t)int_of(env, arguments[3]);
  const uint32_t from = (uint32_t)int_of(env, arguments[1]), count = (uint32_t)int_of(env, arguments[2]);

  uint32_t done = 0;
  for (uint32_t i = 0; i < FAR_AHEAD && i < count; i++) {
    const uint32_t *flow = record_of(&t, from + i);
    if (flow != NULL) fetch(flow, FLOW_WORDS);
  }
  for (uint32_t i = 0; i < AHEAD && i < count; i++) fetch_what_it_leads_to(&t, from + i);
  for (; done < count; done++) {
    const uint32_t *far = done + FAR_AHEAD < count ? record_of(&t, from + done + FAR_AHEAD) : NULL;
    if (far != NULL) fetch(far, FLOW_WORDS);
    if (done + AHEAD < count) fetch_what_it_leads_to(&t, from + done + AHEAD);
    if (!rest(&t, from + done)) break;
  }
  napi_value result;
  CHECK(env, napi_create_uint32(env, done, &result));
  return result;
}
