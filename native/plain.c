/*
 * locatePlain(...): what Locator.locate of src/wire/locate.ts does with a plain frame (Ethernet, IPv4 without options,
 * TCP), and Rows.take of src/capture/row-filler.ts with one that comes in order, for as many as follow each other.
 */
#include "napi.h"

#include <arpa/inet.h>
#include <string.h>

#define ETHERNET 1
#define ETHERNET_HEADER 14
#define IP_HEADER 20
#define TCP_HEADER 20
#define TCP 6
/* More fragments, and the offset of this one. */
#define FRAGMENT 0x3fff

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

static inline uint32_t half(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

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

/* False when the frame is not plain. */
static inline bool locate(const struct rows *rows, uint32_t row, const uint8_t *bytes, uint32_t start, uint32_t end,
                          uint32_t shards) {
  if (end < start || end - start < ETHERNET_HEADER + IP_HEADER + TCP_HEADER) return false;
  const uint32_t ip = start + ETHERNET_HEADER;
  const uint8_t *p = bytes + ip;
  if (half(p - 2) != 0x0800 || p[0] != 0x45 || p[9] != TCP || (half(p + 6) & FRAGMENT) != 0) return false;
  const uint32_t total = half(p + 2);
  if (total < IP_HEADER + TCP_HEADER) return false;
  rows->ip_at[row] = ip;
  rows->tcp_at[row] = ip + IP_HEADER;
  rows->end[row] = ip + total < end ? ip + total : end;
  rows->length[row] = total - IP_HEADER;
  rows->scope[row] = 0;
  rows->shard[row] =
      shards > 1 ? (uint8_t)(host_pair_hash(signed_word(p + 12), signed_word(p + 16)) % shards) : 0;
  return true;
}

/*
 * locatePlain(frameAt, start, end, linkType, count, clock, firstNumber, shards, bytes, row, at, ipAt, tcpAt, segmentEnd,
 * length, number, scope, shard): rows filled from `row` on, one for each of the first frames.
 */
napi_value locate_plain(napi_env env, napi_callback_info info) {
  enum { FRAMES = 4, BYTES = 8, ROWS = 10, ALL = 18 };
  ARGUMENTS(env, info, ALL);
  void *data[ALL];
  size_t length[ALL];
  for (int i = 0; i < ALL; i++)
    if (i < FRAMES || i == BYTES || i >= ROWS)
      CHECK(env, napi_get_typedarray_info(env, arguments[i], NULL, &length[i], &data[i], NULL, NULL));
  const uint32_t count = (uint32_t)int_of(env, arguments[4]);
  double clock, number;
  CHECK(env, napi_get_value_double(env, arguments[5], &clock));
  CHECK(env, napi_get_value_double(env, arguments[6], &number));
  const uint32_t shards = (uint32_t)int_of(env, arguments[7]);
  const uint32_t row = (uint32_t)int_of(env, arguments[9]);
  for (int i = 0; i < FRAMES; i++)
    if (length[i] < count) return throw_error(env, NULL, "no such frames");
  const struct frames frames = {data[0], data[1], data[2], data[3]};
  const struct rows rows = {data[10], data[11], data[12], data[13], data[14], data[15], data[16], data[17]};
  size_t all = length[ROWS];
  for (int i = ROWS; i < ALL; i++)
    if (length[i] < all) all = length[i];
  const size_t room = all > row ? all - row : 0;

  uint32_t i = 0;
  /* A time that goes back, or is none, is the reader's to judge. */
  for (; i < count && i < room && frames.at[i] >= clock && frames.link_type[i] == ETHERNET; i++) {
    if (frames.end[i] > length[BYTES] || !locate(&rows, row + i, data[BYTES], frames.start[i], frames.end[i], shards))
      break;
    clock = frames.at[i];
    rows.at[row + i] = clock;
    rows.frame[row + i] = (uint32_t)(uint64_t)(number + i);
  }
  napi_value filled;
  CHECK(env, napi_create_uint32(env, i, &filled));
  return filled;
}
