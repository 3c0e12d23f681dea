/*
 * locatePlain: does what Locator.locate of src/wire/locate.ts does with a plain frame (Ethernet, IPv4 without options,
 * TCP), and Rows.take of src/capture/row-filler.ts with one that is in order, for a run of such frames.
 */
#include "columns.h"
#include "frame.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define ETHERNET 1

struct frames {
  const double *at;
  const uint32_t *start, *end;
  const int32_t *link_type;
};

struct rows {
  double *at;
  uint32_t *ip_at, *tcp_at, *end, *length, *frame, *scope;
  uint8_t *shard;
};

static inline int32_t signed_word(const uint8_t *p) {
  uint32_t value;
  memcpy(&value, p, sizeof value);
  return (int32_t)ntohl(value);
}

/* hostPairHash of src/wire/host-pair.ts. */
static inline uint32_t host_pair_hash(int32_t a, int32_t b) {
  uint32_t h = (uint32_t)(a < b ? a : b) * 0x9e3779b1u ^ (uint32_t)(a < b ? b : a);
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return (h ^ h >> 16) >> 1;
}

/* Fills the row of a plain frame; returns false if the frame is not plain. */
static inline bool locate(const struct rows *rows, uint32_t row, const uint8_t *bytes, uint32_t start, uint32_t end,
                          uint32_t shards) {
  if (end < start || !is_plain(bytes + start, end - start)) return false;
  const uint32_t ip = start + ETHERNET_HEADER;
  const uint8_t *p = bytes + ip;
  const uint32_t total = half(p + 2);
  rows->ip_at[row] = ip;
  rows->tcp_at[row] = ip + IP_HEADER;
  rows->end[row] = ip + total < end ? ip + total : end;
  rows->length[row] = total - IP_HEADER;
  rows->scope[row] = 0;
  rows->shard[row] =
      shards > 1 ? (uint8_t)(host_pair_hash(signed_word(p + 12), signed_word(p + 16)) % shards) : 0;
  return true;
}

static void forget(napi_env env, void *columns, void *hint) {
  (void)env, (void)hint;
  free(columns);
}

/* bindColumns(arrays): returns a handle to the memory of these typed arrays, because looking each up takes a call. */
napi_value bind_columns(napi_env env, napi_callback_info info) {
  ARGUMENTS(env, info, 1);
  uint32_t count;
  CHECK(env, napi_get_array_length(env, arguments[0], &count));
  if (count > SLAB_COLUMNS) return throw_error(env, NULL, "too many columns");
  struct column *columns = calloc(SLAB_COLUMNS, sizeof *columns);
  if (columns == NULL) return throw_error(env, NULL, "out of memory");
  napi_value handle;
  for (uint32_t i = 0; i < count; i++) {
    napi_value array;
    if (napi_get_element(env, arguments[0], i, &array) == napi_ok &&
        napi_get_typedarray_info(env, array, NULL, &columns[i].length, &columns[i].data, NULL, NULL) == napi_ok)
      continue;
    free(columns);
    return throw_last(env);
  }
  if (napi_create_external(env, columns, forget, NULL, &handle) == napi_ok) return handle;
  free(columns);
  return throw_last(env);
}

/*
 * locatePlain(frames, count, clock, firstNumber, shards, slab, firstRow): fills a row for each plain frame at the
 * beginning and returns how many there are. `frames` and `slab` are handles of bindColumns, with the columns in the
 * order of src/capture/walker.ts and slab.ts.
 */
napi_value locate_plain(napi_env env, napi_callback_info info) {
  enum { FRAME_AT, START, FRAME_END, LINK_TYPE, FRAME_COLUMNS };
  ARGUMENTS(env, info, 7);
  void *data;
  CHECK(env, napi_get_value_external(env, arguments[0], &data));
  const struct column *f = data;
  CHECK(env, napi_get_value_external(env, arguments[5], &data));
  const struct column *r = data;
  double clock, number;
  CHECK(env, napi_get_value_double(env, arguments[2], &clock));
  CHECK(env, napi_get_value_double(env, arguments[3], &number));
  const uint32_t count = (uint32_t)int_of(env, arguments[1]);
  const uint32_t shards = (uint32_t)int_of(env, arguments[4]);
  const uint32_t row = (uint32_t)int_of(env, arguments[6]);
  const size_t rows_there = shortest(r, SLAB_ROW_COLUMNS);
  if (shortest(f, FRAME_COLUMNS) < count) return throw_error(env, NULL, "no such frames");
  const struct frames frames = {f[FRAME_AT].data, f[START].data, f[FRAME_END].data, f[LINK_TYPE].data};
  const struct rows rows = {r[SLAB_AT].data,     r[SLAB_IP_AT].data, r[SLAB_TCP_AT].data, r[SLAB_END].data,
                            r[SLAB_LENGTH].data, r[SLAB_FRAME].data, r[SLAB_SCOPE].data,  r[SLAB_SHARD].data};
  const uint8_t *bytes = r[SLAB_BYTES].data;
  const size_t size = r[SLAB_BYTES].length, room = rows_there > row ? rows_there - row : 0;

  uint32_t i = 0;
  /* A time that goes back, or NaN, is left to the reader. */
  for (; i < count && i < room && frames.at[i] >= clock && frames.link_type[i] == ETHERNET; i++) {
    if (frames.end[i] > size || !locate(&rows, row + i, bytes, frames.start[i], frames.end[i], shards)) break;
    clock = frames.at[i];
    rows.at[row + i] = clock;
    rows.frame[row + i] = (uint32_t)(uint64_t)(number + i);
  }
  napi_value filled;
  CHECK(env, napi_create_uint32(env, i, &filled));
  return filled;
}
