/*
 * follow(...): does what src/flow/tracker.ts does with ordinary segments, which only advance the sender's side,
 * complete a handshake or close a connection in order: most traffic. It stops at the first segment that may be anything
 * else, before anything is written for it, and leaves it to TypeScript: SYNs and RSTs, segments of unknown flows or of
 * flows with a story, duplicates, timestamps that go back, and any segment at whose time something is due.
 *
 * To be read beside src/flow: the sections are its files, and each function has the name of the TypeScript function
 * that it repeats, in the order that those have there. The reasons are given there.
 */
#include "tracker.h"

#define PAWS_MSL 60e9
#define S_STALE 60e9
#define LEAST_RTO 10e6

/* duplicates.ts */
#define DUPLICATE_WINDOW 5e6
#define MAX_STEPS 32

static inline int32_t s32(uint32_t a, uint32_t b) { return (int32_t)(a - b); }
static inline bool before(uint32_t a, uint32_t b) { return s32(a, b) < 0; }
static inline bool after(uint32_t a, uint32_t b) { return s32(b, a) < 0; }

static inline uint32_t flags_of(const uint32_t *s) { return s[WINDOW_TTL_FLAGS] & 0xff; }
static inline uint32_t timestamps_of(const uint32_t *s) { return s[OPTIONS] >> 4 & 15; }

/* The segment at hand with its flow, host pair and both sides. */
struct step {
  const uint32_t *s;
  uint32_t *flow, *own, *peer, *pair;
  double at;
  uint32_t flags, base;
  bool from_b, by_client;
};

static uint32_t find(const struct tracker *t, const uint32_t *s);
static bool seen(const struct tracker *t, const struct step *step);
static void add(const struct tracker *t, const struct step *step);
static bool completes(const struct step *step);
static void open_answered(const struct step *step);
static bool may_begin_story(const struct step *step);
static void advance(const struct tracker *t, const struct step *step);
static void record(const struct step *step);
static void note_client_timestamp(const struct step *step);
static void after_fin(const struct tracker *t, const struct step *step);
static void add_soon(const struct tracker *t, const struct step *step);

/* ---- tracker.ts ---- */

/* Tracker.take and follow. Returns false, having changed nothing, when the segment must be left to TypeScript. */
static bool take(const struct tracker *t, const uint32_t *s, double due, uint32_t epoch, uint32_t withheld) {
  struct step step = {.s = s, .at = double_at(s + AT), .flags = flags_of(s), .from_b = is_from_b(s)};
  if (step.at >= due || (step.flags & (FLAG_SYN | FLAG_RST)) != 0) return false;
  const uint32_t found = find(t, s);
  if (found == 0) return false;
  step.base = found - 1;
  step.flow = t->flows.at + step.base;
  const uint32_t state = step.flow[FLOW_STATE];
  if (state >> FLOW_EPOCH_SHIFT != epoch || step.flow[FLOW_STORY] != 0) return false;
  if (step.at - double_at(step.flow + FLOW_LAST) > t->lingering) return false;
  const size_t pair = (size_t)step.flow[FLOW_PAIR] * PAIR_WORDS;
  if (pair + PAIR_WORDS > t->pairs.length) return false;
  step.pair = t->pairs.at + pair;
  if (withheld != 0 && (step.pair[PAIR_NOTED] & withheld) != 0) return false;
  step.own = step.flow + (step.from_b ? FLOW_SIDE_B : FLOW_SIDE_A);
  step.peer = step.flow + (step.from_b ? FLOW_SIDE_A : FLOW_SIDE_B);
  step.by_client = step.from_b == ((state & FLOW_BIT_CLIENT_IS_B) != 0);

  bool opens = false;
  const uint32_t phase = state & FLOW_PHASE_MASK;
  if (phase < PHASE_OPEN) {
    if (phase != PHASE_SYN_RCVD) return false;
    opens = completes(&step);
    if (opens && (step.peer[SIDE_PACKETS] > 1 || (state & FLOW_BIT_BEGAN_WITH_SYN_ACK) != 0)) return false;
  }
  if (may_begin_story(&step) || seen(t, &step)) return false;

  add(t, &step);
  if (opens) open_answered(&step);
  advance(t, &step);
  return true;
}

/* FlowTable.find: offset of the flow's record, plus one, or 0. */
static inline uint32_t find(const struct tracker *t, const uint32_t *s) {
  const uint32_t found = s[FOUND];
  if (found != 0 && found != NOWHERE && (size_t)found - 1 + FLOW_WORDS <= t->flows.length) {
    const uint32_t *flow = t->flows.at + found - 1;
    if (is_flow_of(flow, s) && (flow[FLOW_STATE] & FLOW_BIT_INDEXED) != 0) return found;
  }
  return find_flow(t->index, t->flows, s);
}

/* ---- duplicates.ts ---- */

/* Recent.seen, without adding. Returns true as well if the ring would have to grow first. */
static bool seen(const struct tracker *t, const struct step *step) {
  const uint32_t mask = (uint32_t)t->heads.length - 1;
  const uint32_t next = t->ring.at[RING_NEXT];
  const int32_t kept = (int32_t)t->ring.at[RING_KEPT];
  const double since = step->at - DUPLICATE_WINDOW;
  const uint32_t h = step->s[FINGERPRINT];
  int32_t back = s32(next, t->heads.at[h & mask]);
  for (int steps = 0; back > 0 && back <= kept && steps < MAX_STEPS; steps++) {
    const uint32_t *entry = t->entries.at + (size_t)((next - (uint32_t)back) & mask) * ENTRY_WORDS;
    if (double_at(entry + ENTRY_AT) < since) break;
    if (entry[ENTRY_H] == h && entry[ENTRY_G] == step->s[FINGERPRINT2]) return true;
    if (entry[ENTRY_BACK] == 0) break;
    back += (int32_t)entry[ENTRY_BACK];
  }
  return kept > (int32_t)mask && double_at(t->entries.at + (size_t)(next & mask) * ENTRY_WORDS + ENTRY_AT) >= since;
}

/* Recent.add, for a ring with room. */
static void add(const struct tracker *t, const struct step *step) {
  const uint32_t mask = (uint32_t)t->heads.length - 1;
  const uint32_t next = t->ring.at[RING_NEXT];
  const int32_t kept = (int32_t)t->ring.at[RING_KEPT];
  const uint32_t h = step->s[FINGERPRINT];
  uint32_t *entry = t->entries.at + (size_t)(next & mask) * ENTRY_WORDS;
  if (kept <= (int32_t)mask) t->ring.at[RING_KEPT]++;
  const int32_t back = s32(next, t->heads.at[h & mask]);
  entry[ENTRY_H] = h;
  entry[ENTRY_G] = step->s[FINGERPRINT2];
  set_double(entry + ENTRY_AT, step->at);
  entry[ENTRY_BACK] = back > 0 && back <= kept ? (uint32_t)back : 0;
  entry[ENTRY_SCOPE] = step->s[SCOPE];
  t->heads.at[h & mask] = next;
  t->ring.at[RING_NEXT] = next + 1;
}

/* ---- handshake.ts ---- */

static bool refuses_scale(const uint32_t *side) {
  return (side[SIDE_BITS] >> SIDE_SCALE_SHIFT & 15) == NO_WINDOW_SCALE &&
         (side[SIDE_BITS] & (SIDE_BIT_SYN | SIDE_BIT_SYN_ACK)) != 0;
}

static void agree_on(uint32_t *side, bool off) {
  const uint32_t scale = side[SIDE_BITS] >> SIDE_SCALE_SHIFT & 15;
  const uint32_t agreed = off ? 0 : scale == NO_WINDOW_SCALE ? USUAL_WINDOW_SCALE : scale;
  side[SIDE_BITS] = (side[SIDE_BITS] & ~(15u << SIDE_SCALE_SHIFT)) | agreed << SIDE_SCALE_SHIFT;
}

static void agree_on_scale(uint32_t *a, uint32_t *b) {
  const bool off = refuses_scale(a) || refuses_scale(b);
  agree_on(a, off);
  agree_on(b, off);
}

static bool completes(const struct step *step) {
  const uint32_t *s = step->s, *mine = step->own, *theirs = step->peer;
  if (step->by_client) {
    const bool is_close = (step->flags & FLAG_FIN) != 0 && s32(s[SEQ], mine[SIDE_NXT]) > 0 &&
                          (mine[SIDE_SENT_FLAGS] & FLAG_SYN) != 0;
    return (step->flags & FLAG_ACK) != 0 && s32(s[ACK], theirs[SIDE_ISN]) > 0 &&
           (s32(s[ACK], theirs[SIDE_NXT]) <= 0 || is_close);
  }
  const bool says_more = s[LENGTH] > 0 || (step->flags & FLAG_FIN) != 0 || s32(s[ACK], mine[SIDE_ACKED]) > 0;
  return (mine[SIDE_BITS] & SIDE_BIT_SYN_ACK) != 0 && s32(s[SEQ], mine[SIDE_ISN]) > 0 && says_more;
}

static bool answers_syn_ack(const struct step *step, const uint32_t *client, const uint32_t *server) {
  const uint32_t *s = step->s;
  return (server[SIDE_BITS] & SIDE_BIT_SYN_ACK) != 0 && s[ACK] == server[SIDE_NXT] && s[SEQ] == client[SIDE_NXT] &&
         s[LENGTH] == 0 && (step->flags & FLAG_FIN) == 0;
}

static void open_answered(const struct step *step) {
  uint32_t *mine = step->own, *theirs = step->peer;
  if (step->by_client && answers_syn_ack(step, mine, theirs)) {
    const float rtt = (float)(step->at - double_at(theirs + SIDE_SENT_AT));
    memcpy(mine + SIDE_RTT, &rtt, sizeof rtt);
    memcpy(mine + SIDE_LEAST_ANSWER, &rtt, sizeof rtt);
  }
  agree_on_scale(mine, theirs);
  step->flow[FLOW_STATE] = (step->flow[FLOW_STATE] & ~FLOW_PHASE_MASK) | PHASE_OPEN;
  if (step->by_client) step->pair[PAIR_NOTED] |= (uint32_t)PAIR_COMPLETES << (step->from_b ? PAIR_B_SHIFT : 0);
}

/* ---- advance.ts ---- */

/* Whether advance would call sentAgain or olderTimestamp. */
static bool may_begin_story(const struct step *step) {
  const uint32_t *s = step->s, *own = step->own, *peer = step->peer;
  const uint32_t end = s[SEQ] + s[LENGTH] + (step->flags & FLAG_FIN);
  const bool is_again = (own[SIDE_BITS] & SIDE_BIT_SPOKE) != 0 && before(s[SEQ], own[SIDE_NXT]);
  const bool is_late = is_again && (step->at - double_at(peer + SIDE_SENT_AT) >= LEAST_RTO ||
                                    (step->at - double_at(own + SIDE_SENT_AT) >= LEAST_RTO &&
                                     !after(end, peer[SIDE_ACKED])));
  if (is_late) return true;
  const bool known = (own[SIDE_BITS] & (SIDE_BIT_TS_ON_SYN | SIDE_BIT_TS_LATER)) != 0;
  return timestamps_of(s) == PRESENT && known && s32(s[TSVAL], own[SIDE_TS_RECENT]) < -1;
}

static void advance(const struct tracker *t, const struct step *step) {
  const uint32_t *s = step->s;
  uint32_t *flow = step->flow, *own = step->own;
  const uint32_t state = flow[FLOW_STATE];
  uint32_t bits = own[SIDE_BITS];
  const bool was_shut = (bits & SIDE_BIT_SPOKE) != 0 && own[SIDE_WINDOW] == 0;
  bits = was_shut ? bits | SIDE_BIT_WAS_SHUT : bits & ~SIDE_BIT_WAS_SHUT;

  const uint32_t end = s[SEQ] + s[LENGTH] + (step->flags & FLAG_FIN);
  if ((bits & SIDE_BIT_SPOKE) == 0) {
    own[SIDE_ISN] = s[SEQ] - 1;
    own[SIDE_NXT] = end;
    own[SIDE_ACKED] = s[ACK];
    bits |= SIDE_BIT_SPOKE;
    step->pair[PAIR_HEARD] |= step->from_b ? 2 : 1;
  } else {
    if (after(end, own[SIDE_NXT])) {
      own[SIDE_NXT] = end;
      const bool is_empty = s[LENGTH] == 0 && (step->flags & FLAG_FIN) == 0;
      bits = is_empty ? bits | SIDE_BIT_AFTER_GAP : bits & ~SIDE_BIT_AFTER_GAP;
    }
    if ((step->flags & FLAG_ACK) != 0 && after(s[ACK], own[SIDE_ACKED])) {
      own[SIDE_ACKED] = s[ACK];
      const float answered = (float)(step->at - double_at(step->peer + SIDE_SENT_AT));
      float least;
      memcpy(&least, own + SIDE_LEAST_ANSWER, sizeof least);
      if (s[ACK] == step->peer[SIDE_NXT] && answered < least)
        memcpy(own + SIDE_LEAST_ANSWER, &answered, sizeof answered);
    }
  }
  if (timestamps_of(s) == PRESENT) {
    const bool known = (bits & (SIDE_BIT_TS_ON_SYN | SIDE_BIT_TS_LATER)) != 0;
    if (!known || s32(s[TSVAL], own[SIDE_TS_RECENT]) >= 0) {
      own[SIDE_TS_RECENT] = s[TSVAL];
      set_double(own + SIDE_TS_AT, step->at);
    }
    bits |= SIDE_BIT_TS_LATER;
    if (step->by_client) note_client_timestamp(step);
  } else if (timestamps_of(s) == UNKNOWN && (bits & (SIDE_BIT_SYN | SIDE_BIT_SYN_ACK)) == 0) {
    bits |= SIDE_BIT_TS_CUT;
  }
  own[SIDE_BITS] = bits;
  const uint32_t window = (s[WINDOW_TTL_FLAGS] >> 16) << (bits >> SIDE_SCALE_SHIFT & 15);
  own[SIDE_WINDOW] = window;
  if ((int32_t)window > (int32_t)own[SIDE_MAX_WINDOW]) own[SIDE_MAX_WINDOW] = window;
  record(step);

  if ((step->flags & FLAG_FIN) != 0) flow[FLOW_STATE] = state | FLOW_BIT_CLOSING;
  else if ((state & FLOW_BIT_CLOSING) == 0) return;
  after_fin(t, step);
}

static void record(const struct step *step) {
  const uint32_t *s = step->s;
  uint32_t *flow = step->flow, *own = step->own;
  const uint32_t ip_id = s[CAPTURE_ID] & 0xffff;
  set_double(flow + FLOW_GAP, step->at - double_at(flow + FLOW_LAST));
  set_double(flow + FLOW_LAST, step->at);
  set_double(own + SIDE_SENT_AT, step->at);
  set_double(own + SIDE_BYTES, double_at(own + SIDE_BYTES) + (double)(int32_t)s[LENGTH]);
  own[SIDE_PACKETS]++;
  own[SIDE_TTL_ID] = (s[WINDOW_TTL_FLAGS] >> 8 & 0xff) << 16 | ip_id;
  if (ip_id != 0) own[SIDE_BITS] |= SIDE_BIT_IP_ID;
  own[SIDE_SENT_FRAME] = s[FRAME];
  own[SIDE_SENT_FLAGS] = (s[CAPTURE_ID] & 0xffff0000u) | timestamps_of(s) << 8 | step->flags;
  own[SIDE_SENT_SEQ] = s[SEQ];
  own[SIDE_SENT_ACK] = s[ACK];
  own[SIDE_SENT_TSVAL] = s[TSVAL];
  own[SIDE_SENT_TSECR] = s[TSECR];
  own[SIDE_SENT_LENGTH] = s[LENGTH];
}

/* Pairs.direction */
static uint32_t *direction(const struct step *step, bool from_b) {
  return step->pair + PAIR_DIRECTIONS + (from_b ? PAIR_DIRECTION_WORDS : 0);
}

static void note_client_timestamp(const struct step *step) {
  const uint32_t *s = step->s;
  uint32_t *block = direction(step, step->from_b);
  const bool known = (block[PAIR_S_FLAGS] & PAIR_S_VALID) != 0;
  if (known && s32(s[TSVAL], block[PAIR_S_TS]) < 0 && step->at - double_at(block + PAIR_S_AT) < S_STALE) return;
  set_double(block + PAIR_S_AT, step->at);
  block[PAIR_S_TS] = s[TSVAL];
  block[PAIR_S_FRAME] = s[FRAME];
  block[PAIR_S_PORTS] = s[PORTS];
  block[PAIR_S_SEQ] = s[SEQ];
  block[PAIR_S_ACK] = s[ACK];
  block[PAIR_S_TSECR] = s[TSECR];
  block[PAIR_S_LENGTH] = s[LENGTH];
  block[PAIR_S_FLAGS] = (s[CAPTURE_ID] & 0xffff0000u) | PAIR_S_VALID | step->flags;
}

/* ---- closing.ts ---- */

static bool enters(const uint32_t *side, const uint32_t *peer);
static void enter_time_wait(const struct step *step, uint32_t *owner, uint32_t *peer);
static void remember(const struct step *step, const uint32_t *peer);

/* inTimeWait of time-wait.ts */
static bool in_time_wait(const struct tracker *t, const uint32_t *side, double at) {
  const bool holds = (side[SIDE_BITS] & (SIDE_BIT_TIME_WAIT | SIDE_BIT_TIME_WAIT_OVER)) == SIDE_BIT_TIME_WAIT;
  return holds && at < double_at(side + SIDE_TW_START) + t->time_wait;
}

static void after_fin(const struct tracker *t, const struct step *step) {
  const uint32_t *s = step->s;
  uint32_t *own = step->own, *peer = step->peer;
  const bool has_ack = (step->flags & FLAG_ACK) != 0;
  const bool acks_peer_fin = has_ack && (peer[SIDE_BITS] & SIDE_BIT_FIN) != 0 && !before(s[ACK], peer[SIDE_FIN_END]);
  if ((step->flags & FLAG_FIN) != 0) {
    const uint32_t end = s[SEQ] + s[LENGTH] + 1;
    if ((own[SIDE_BITS] & SIDE_BIT_FIN) == 0) {
      own[SIDE_BITS] |= acks_peer_fin ? SIDE_BIT_FIN | SIDE_BIT_PASSIVE : SIDE_BIT_FIN;
      own[SIDE_FIN_END] = end;
      if ((peer[SIDE_BITS] & SIDE_BIT_SPOKE) != 0 && !before(peer[SIDE_ACKED], end))
        own[SIDE_BITS] |= SIDE_BIT_FIN_ACKED;
    } else if (end == own[SIDE_FIN_END]) {
      own[SIDE_BITS] |= SIDE_BIT_FIN_REPEATED;
    }
  }
  if (acks_peer_fin) peer[SIDE_BITS] |= SIDE_BIT_FIN_ACKED;

  const bool restarts = in_time_wait(t, peer, step->at) && has_ack;
  if (enters(peer, own)) enter_time_wait(step, peer, own);
  else if (restarts) set_double(peer + SIDE_TW_START, step->at);
  if (enters(own, peer)) enter_time_wait(step, own, peer);

  const uint32_t both = own[SIDE_BITS] & peer[SIDE_BITS];
  if ((both & SIDE_BIT_FIN) == 0) return;
  if ((both & SIDE_BIT_FIN_ACKED) != 0 && (step->flow[FLOW_STATE] & FLOW_PHASE_MASK) == PHASE_OPEN) {
    step->flow[FLOW_STATE] = (step->flow[FLOW_STATE] & ~FLOW_PHASE_MASK) | PHASE_CLOSED;
    own[SIDE_LEAST_ANSWER] = peer[SIDE_LEAST_ANSWER] = 0;
  }
  add_soon(t, step);
}

static bool enters(const uint32_t *side, const uint32_t *peer) {
  return (side[SIDE_BITS] & SIDE_BIT_FIN_ACKED) != 0 && (peer[SIDE_BITS] & SIDE_BIT_FIN) != 0 &&
         (side[SIDE_BITS] & (SIDE_BIT_PASSIVE | SIDE_BIT_TIME_WAIT)) == 0;
}

/* Flow.timestampsOn is true. */
static bool timestamps_on(const struct step *step) {
  const uint32_t client = (step->by_client ? step->own : step->peer)[SIDE_BITS];
  const uint32_t server = (step->by_client ? step->peer : step->own)[SIDE_BITS];
  const bool saw_both = (client & SIDE_BIT_SYN) != 0 && (server & (SIDE_BIT_SYN_ACK | SIDE_BIT_SYN)) != 0;
  if (saw_both && ((client | server) & SIDE_BIT_TS_CUT) == 0) return (client & server & SIDE_BIT_TS_ON_SYN) != 0;
  return ((client | server) & SIDE_BIT_TS_LATER) != 0;
}

static void enter_time_wait(const struct step *step, uint32_t *owner, uint32_t *peer) {
  owner[SIDE_BITS] |= SIDE_BIT_TIME_WAIT;
  set_double(owner + SIDE_TW_ENTERED, step->at);
  set_double(owner + SIDE_TW_START, step->at);
  if (timestamps_on(step) && (peer[SIDE_BITS] & (SIDE_BIT_TS_ON_SYN | SIDE_BIT_TS_LATER)) != 0) remember(step, peer);
}

static void remember(const struct step *step, const uint32_t *peer) {
  uint32_t *block = direction(step, peer == step->flow + FLOW_SIDE_B);
  const double stamp = double_at(block + PAIR_R_AT), ts_at = double_at(peer + SIDE_TS_AT);
  const bool stale = step->at - stamp > PAWS_MSL && stamp <= ts_at;
  if (block[PAIR_R_FLOW] != 0 && s32(block[PAIR_R_TS], peer[SIDE_TS_RECENT]) > 0 && !stale) return;
  block[PAIR_R_FLOW] = step->base + 1;
  block[PAIR_R_TS] = peer[SIDE_TS_RECENT];
  set_double(block + PAIR_R_AT, ts_at);
}

/* ---- tables/wheel.ts ---- */

static void add_soon(const struct tracker *t, const struct step *step) {
  if ((step->flow[FLOW_STATE] & FLOW_BIT_IN_WHEEL) != 0) return;
  uint32_t *first = t->first.at + WHEEL_NEW, *last = t->last.at + WHEEL_NEW;
  step->flow[FLOW_STATE] |= FLOW_BIT_IN_WHEEL;
  step->flow[FLOW_NEXT] = (uint32_t)-1;
  if ((int32_t)*first < 0) *first = step->base;
  else t->flows.at[(size_t)*last + FLOW_NEXT] = step->base;
  *last = step->base;
  uint32_t *young = t->wheel.at + WHEEL_YOUNG;
  set_double(young, double_at(young) + 1);
}

/* ---- follower.ts ---- */

/* follow(tracker, from, to, due, epoch, withheld): returns the first of these rows that is left to TypeScript, or `to`. */
napi_value follow(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 6);
  void *bound;
  double due;
  CHECK(env, napi_get_value_external(env, arguments[0], &bound));
  CHECK(env, napi_get_value_double(env, arguments[3], &due));
  const struct tracker *t = bound;
  uint32_t row = (uint32_t)int_of(env, arguments[1]);
  const uint32_t to = (uint32_t)int_of(env, arguments[2]);
  const uint32_t epoch = (uint32_t)int_of(env, arguments[4]);
  const uint32_t withheld = (uint32_t)int_of(env, arguments[5]);
  if (to > t->segments.length / SEGMENT_WORDS) return throw_error(env, NULL, "no such rows");
  while (row < to && take(t, t->segments.at + (size_t)row * SEGMENT_WORDS, due, epoch, withheld)) row++;
  napi_value next;
  CHECK(env, napi_create_uint32(env, row, &next));
  return next;
}
