/*
 * Layout of the records of flows and host pairs, which TypeScript and C share: src/flow/layout.ts and pairs.ts explain
 * the fields. Offsets are in 32-bit words; a double takes two.
 */
#ifndef PAWSCOPE_FLOW_H
#define PAWSCOPE_FLOW_H

#include "napi.h"
#include "segment.h"

#include <string.h>

/* L of layout.ts: offsets in a flow's record, and in the record of one side within it. */
enum {
  FLOW_HOST_A = 0,
  FLOW_HOST_B = 1,
  FLOW_PORTS = 2,
  FLOW_SCOPE = 3,
  FLOW_STATE = 4,
  FLOW_PAIR = 5,
  FLOW_STORY = 6,
  FLOW_CAPTURE = 7,
  FLOW_LAST = 8,
  FLOW_OLDER = 10,
  FLOW_NEXT = 11,
  FLOW_GAP = 12,
  FLOW_SIDE_A = 16,
  FLOW_OPENED = 44,
  FLOW_SIDE_B = 48,
  FLOW_CLOCK_SAMPLE = 76,
  FLOW_WORDS = 80,
  FLOW_PHASE_MASK = 15,
  FLOW_EPOCH_SHIFT = 16,
};
enum {
  SIDE_BITS = 0,
  SIDE_NXT = 1,
  SIDE_ACKED = 2,
  SIDE_TS_RECENT = 3,
  SIDE_TS_AT = 4,
  SIDE_WINDOW = 6,
  SIDE_MAX_WINDOW = 7,
  SIDE_PACKETS = 8,
  SIDE_TTL_ID = 9,
  SIDE_BYTES = 10,
  SIDE_SENT_AT = 12,
  SIDE_SENT_FRAME = 14,
  SIDE_SENT_FLAGS = 15,
  SIDE_SENT_SEQ = 16,
  SIDE_SENT_ACK = 17,
  SIDE_SENT_TSVAL = 18,
  SIDE_SENT_TSECR = 19,
  SIDE_SENT_LENGTH = 20,
  SIDE_ISN = 21,
  SIDE_FIN_END = 22,
  SIDE_RTT = 23,
  SIDE_TW_ENTERED = 24,
  SIDE_TW_START = 26,
  SIDE_SYN_TSVAL = 30,
  SIDE_LEAST_ANSWER = 31,
  SIDE_SCALE_SHIFT = 16,
};
/* Phase, FlowBit and SideBit of layout.ts. */
enum { PHASE_SYN_SENT = 1, PHASE_SYN_RCVD = 2, PHASE_OPEN = 3, PHASE_CLOSED = 4 };
enum {
  FLOW_BIT_CLIENT_IS_B = 16,
  FLOW_BIT_CLIENT_KNOWN = 32,
  FLOW_BIT_BEGAN_WITH_SYN_ACK = 64,
  FLOW_BIT_INDEXED = 256,
  FLOW_BIT_KEPT = 512,
  FLOW_BIT_IN_WHEEL = 1024,
  FLOW_BIT_FREE = 2048,
  FLOW_BIT_CLOSING = 8192,
  FLOW_BIT_TOLD = 16384,
};
enum {
  SIDE_BIT_SPOKE = 1,
  SIDE_BIT_SYN = 2,
  SIDE_BIT_SYN_ACK = 4,
  SIDE_BIT_FIN = 16,
  SIDE_BIT_FIN_ACKED = 32,
  SIDE_BIT_PASSIVE = 64,
  SIDE_BIT_FIN_REPEATED = 128,
  SIDE_BIT_TS_ON_SYN = 512,
  SIDE_BIT_TS_LATER = 1024,
  SIDE_BIT_TS_CUT = 2048,
  SIDE_BIT_TIME_WAIT = 4096,
  SIDE_BIT_TIME_WAIT_OVER = 8192,
  SIDE_BIT_IP_ID = 32768,
  SIDE_BIT_WAS_SHUT = 268435456,
  SIDE_BIT_AFTER_GAP = 536870912,
};
/* PairLayout of pairs.ts: offsets in a pair's record, and in the record of one direction within it. */
enum {
  PAIR_HOST_A = 0,
  PAIR_HOST_B = 1,
  PAIR_SCOPE = 2,
  PAIR_FLOWS = 3,
  PAIR_HEARD = 4,
  PAIR_NEXT = 5,
  PAIR_SERIAL = 6,
  PAIR_NOTED = 7,
  PAIR_DIRECTIONS = 8,
  PAIR_DIRECTION_WORDS = 24,
  PAIR_WORDS = 56,
};
enum {
  PAIR_S_AT = 0,
  PAIR_S_TS = 2,
  PAIR_S_FRAME = 3,
  PAIR_S_PORTS = 4,
  PAIR_S_SEQ = 5,
  PAIR_S_ACK = 6,
  PAIR_S_TSECR = 7,
  PAIR_S_LENGTH = 8,
  PAIR_S_FLAGS = 9,
  PAIR_OPENED = 10,
  PAIR_TRIED_LOST = 15,
  PAIR_R_TS = 19,
  PAIR_R_AT = 20,
  PAIR_R_FLOW = 22,
  PAIR_S_VALID = 256,
  PAIR_COMPLETES = 4,
  PAIR_B_SHIFT = 16,
};

/* A typed array of 32-bit words. */
struct words {
  uint32_t *at;
  size_t length;
};

static inline bool words_of(napi_env env, napi_value array, struct words *out) {
  void *data;
  if (napi_get_typedarray_info(env, array, NULL, &out->length, &data, NULL, NULL) != napi_ok) return false;
  out->at = data;
  return true;
}

/* A property of an object that is such an array, and where it goes. */
struct named_words {
  const char *name;
  struct words *words;
};

static inline bool words_named(napi_env env, napi_value object, const struct named_words *named, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value array;
    if (napi_get_named_property(env, object, named[i].name, &array) != napi_ok) return false;
    if (!words_of(env, array, named[i].words)) return false;
  }
  return true;
}

static inline double double_at(const uint32_t *word) {
  double value;
  memcpy(&value, word, sizeof value);
  return value;
}

static inline void set_double(uint32_t *word, double value) { memcpy(word, &value, sizeof value); }

/* pairHash of src/flow/tables/pairs.ts. */
static inline uint32_t pair_hash(uint32_t host_a, uint32_t host_b, uint32_t scope, uint32_t salt) {
  uint32_t h = (host_a ^ salt) * 0x9e3779b1u ^ host_b;
  h = (h ^ h >> 15) * 0x85ebca6bu ^ scope;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

static inline bool is_flow_of(const uint32_t *flow, const uint32_t *s) {
  const bool from_b = is_from_b(s);
  return flow[FLOW_PORTS] == (from_b ? s[PORTS] << 16 | s[PORTS] >> 16 : s[PORTS]) &&
         flow[FLOW_HOST_A] == (from_b ? s[DST] : s[SRC]) && flow[FLOW_HOST_B] == (from_b ? s[SRC] : s[DST]) &&
         flow[FLOW_SCOPE] == s[SCOPE];
}

/* Offset in words of the record of the segment's flow, plus one; 0 when there is none. */
static inline uint32_t find_flow(struct words index, struct words flows, const uint32_t *s) {
  const uint32_t mask = (uint32_t)index.length - 2;
  for (uint32_t probe = s[TUPLE] << 1 & mask; index.at[probe + 1] != 0; probe = (probe + 2) & mask) {
    if (index.at[probe] != s[TUPLE]) continue;
    const size_t base = (size_t)(index.at[probe + 1] - 1) * FLOW_WORDS;
    if (base + FLOW_WORDS <= flows.length && is_flow_of(flows.at + base, s)) return (uint32_t)base + 1;
  }
  return 0;
}

#endif
