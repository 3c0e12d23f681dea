/*
 * lookAhead(...): finds the flows of the next segments and prefetches the memory that following them will touch. Memory
 * responds in 200 ns, and a dozen loads can be in flight at once, but the code that follows segments would wait for one
 * after the other. What is found here is only a hint: FlowTable.find checks that the record belongs to the flow. The
 * index is that of src/flow/tables/flow-table.ts.
 */
#include "tracker.h"

#define LINE_WORDS 16

static inline void fetch(struct words from, size_t first, size_t count) {
  if (first + count > from.length) return;
  for (size_t i = 0; i < count; i += LINE_WORDS) __builtin_prefetch(from.at + first + i, 1);
}

static inline uint32_t pair_of(const uint32_t *s, uint32_t salt) {
  const bool from_b = is_from_b(s);
  return pair_hash(from_b ? s[DST] : s[SRC], from_b ? s[SRC] : s[DST], s[SCOPE], salt);
}

static void look(const struct tracker *t, uint32_t *segments, uint32_t count, uint32_t free_count) {
  uint32_t *const end = segments + (size_t)count * SEGMENT_WORDS;
  const uint32_t mask = (uint32_t)t->index.length - 2;
  const uint32_t pair_mask = (uint32_t)t->pair_index.length - 1;
  const uint32_t lone_mask = (uint32_t)t->lone_index.length - 2;

  for (uint32_t *s = segments; s < end; s += SEGMENT_WORDS) {
    __builtin_prefetch(t->index.at + (s[TUPLE] << 1 & mask));
    if ((s[WINDOW_TTL_FLAGS] & FLAG_SYN) == 0) continue;
    const uint32_t hash = pair_of(s, t->salt);
    __builtin_prefetch(t->pair_index.at + (hash & pair_mask));
    __builtin_prefetch(t->lone_index.at + (hash << 1 & lone_mask));
  }
  for (uint32_t *s = segments; s < end; s += SEGMENT_WORDS) {
    const uint32_t probe = s[TUPLE] << 1 & mask;
    const uint32_t entry = t->index.at[probe + 1];
    if (entry != 0) fetch(t->flows, (size_t)(entry - 1) * FLOW_WORDS, FLOW_WORDS);
    if ((s[WINDOW_TTL_FLAGS] & FLAG_SYN) == 0) continue;
    const uint32_t pair = t->pair_index.at[pair_of(s, t->salt) & pair_mask];
    if (pair != 0) fetch(t->pairs, (size_t)(pair - 1) * PAIR_WORDS, PAIR_WORDS);
  }
  for (uint32_t *s = segments; s < end; s += SEGMENT_WORDS) {
    const uint32_t found = find_flow(t->index, t->flows, s);
    s[FOUND] = found != 0 ? found : NOWHERE;
    if (found != 0) {
      if ((s[WINDOW_TTL_FLAGS] & FLAG_SYN) == 0)
        fetch(t->pairs, (size_t)t->flows.at[found - 1 + FLOW_PAIR] * PAIR_WORDS, PAIR_WORDS);
    } else if (free_count > 0 && free_count <= t->free.length) {
      fetch(t->flows, t->free.at[--free_count], FLOW_WORDS);
    }
  }
}

/* lookAhead(tracker, from, to, freeCount): of the tracker's segments. */
napi_value look_ahead(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 4);
  void *bound;
  CHECK(env, napi_get_value_external(env, arguments[0], &bound));
  const struct tracker *t = bound;
  const uint32_t from = (uint32_t)int_of(env, arguments[1]), to = (uint32_t)int_of(env, arguments[2]);
  if (from > to || to > t->segments.length / SEGMENT_WORDS) return throw_error(env, NULL, "no such rows");
  look(t, t->segments.at + (size_t)from * SEGMENT_WORDS, to - from, (uint32_t)int_of(env, arguments[3]));
  return NULL;
}

/* lookAtFlows(bases, count, index, flows, pairs, salt): prefetches the same for flows that are about to rest. */
napi_value look_at_flows(napi_env env, napi_callback_info info) {
  struct words bases, index, flows, pairs;
  ARGUMENTS(env, info, 6);
  if (!words_of(env, arguments[0], &bases) || !words_of(env, arguments[2], &index) ||
      !words_of(env, arguments[3], &flows) || !words_of(env, arguments[4], &pairs))
    return throw_last(env);
  const size_t asked = (uint32_t)int_of(env, arguments[1]);
  const uint32_t salt = (uint32_t)int_of(env, arguments[5]), mask = (uint32_t)index.length - 2;
  const size_t count = asked < bases.length ? asked : bases.length;
  for (size_t i = 0; i < count; i++) fetch(flows, bases.at[i], FLOW_WORDS);
  for (size_t i = 0; i < count; i++) {
    if (bases.at[i] + FLOW_WORDS > flows.length) continue;
    const uint32_t *flow = flows.at + bases.at[i];
    const uint32_t hash =
        tuple_hash(flow[FLOW_HOST_A], flow[FLOW_HOST_B], flow[FLOW_PORTS], flow[FLOW_SCOPE], salt);
    __builtin_prefetch(index.at + (hash << 1 & mask), 1);
    fetch(pairs, (size_t)flow[FLOW_PAIR] * PAIR_WORDS, PAIR_WORDS);
  }
  return NULL;
}
