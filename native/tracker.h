/* The memory of a shard's tracker, bound once and used by follow.c and look-ahead.c at every call. */
#ifndef PAWSCOPE_TRACKER_H
#define PAWSCOPE_TRACKER_H

#include "flow.h"

/* duplicates.ts: offsets in words of an entry; the time is a double. */
enum { ENTRY_H, ENTRY_G, ENTRY_AT, ENTRY_BACK = 4, ENTRY_SCOPE, ENTRY_WORDS };
/* Offsets in words of its ring. */
enum { RING_NEXT, RING_KEPT };

/* wheel.ts: its list of new records, and the offset in words of one of its counters, which are doubles. */
#define WHEEL_SLOTS 1024
enum { WHEEL_NEW = WHEEL_SLOTS, WHEEL_YOUNG = 4 };

/* As in TrackerMemory of capture/native.ts, which says what each is. */
struct tracker {
  struct words segments, index, flows, free, pair_index, pairs, lone_index;
  struct words entries, heads, ring;
  struct words first, last, wheel;
  double time_wait, lingering;
  uint32_t salt;
};

#endif
