/*
 * decodeRows(...): does what src/wire/decode.ts does, for all rows of a slab that belong to a shard, in one call. The
 * TypeScript defines the behaviour, and its comments apply here. Records are those of src/wire/segments.ts.
 */
#include "columns.h"
#include "frame.h"
#include "segment.h"

#include <arpa/inet.h>
#include <string.h>

#define SCOPE_IPV6 0x80000000u
#define MIN_HEADER 20
#define IPV6_HEADER 40 /* also the size of the smallest IPv4 and TCP headers together */
#define MAX_WINDOW_SCALE 14
enum { KIND_END = 0, KIND_NOP = 1, KIND_MSS = 2, KIND_WINDOW_SCALE = 3, KIND_TIMESTAMPS = 8, KIND_MPTCP = 30 };
enum { MP_JOIN = 1, JOIN = 13, OTHER_KIND = 15 };
#define MAX_KINDS 8
/* Rows whose bytes are prefetched: decoding so many takes about as long as memory takes to respond. */
#define AHEAD 12

struct slab {
  const double *at;
  const uint32_t *ip_at, *tcp_at, *end, *length, *frame;
  const uint32_t *scope;
  const uint8_t *shard, *bytes;
  size_t size;
};

struct options {
  uint32_t timestamps, tsval, tsecr, window_scale, mss, kinds;
};

static inline uint32_t word(const uint8_t *p) {
  uint32_t value;
  memcpy(&value, p, sizeof value);
  return ntohl(value);
}

static void walk_options(const uint8_t *bytes, uint32_t from, uint32_t to, uint32_t captured, struct options *out) {
  const uint32_t end = to < captured ? to : captured;
  for (uint32_t at = from; at < end;) {
    const uint8_t kind = bytes[at];
    if (kind == KIND_END) return;
    if (kind == KIND_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) break;
    const uint32_t length = bytes[at + 1];
    if (length < 2 || at + length > to) {
      if (kind == KIND_TIMESTAMPS && length == 10) out->timestamps = UNKNOWN;
      return;
    }
    if (at + length > end) break;
    if (kind == KIND_TIMESTAMPS && length == 10) {
      out->timestamps = PRESENT;
      out->tsval = word(bytes + at + 2);
      out->tsecr = word(bytes + at + 6);
    } else if (kind == KIND_WINDOW_SCALE && length == 3) {
      out->window_scale = bytes[at + 2] < MAX_WINDOW_SCALE ? bytes[at + 2] : MAX_WINDOW_SCALE;
    }
    at += length;
  }
  if (captured >= to) return;
  if (out->timestamps == ABSENT) out->timestamps = UNKNOWN;
  if (out->window_scale == NO_WINDOW_SCALE) out->window_scale = USUAL_WINDOW_SCALE;
}

static void parse_syn(const uint8_t *bytes, uint32_t from, uint32_t to, uint32_t captured, struct options *out) {
  if (captured < to) return;
  uint32_t seen = 0;
  for (uint32_t at = from; at < to; seen++) {
    const uint32_t kind = bytes[at];
    if (kind == KIND_END) break;
    if (seen < MAX_KINDS) out->kinds |= (kind < OTHER_KIND && kind != JOIN ? kind : OTHER_KIND) << (4 * seen);
    if (kind == KIND_NOP) {
      at++;
      continue;
    }
    const uint32_t length = at + 1 < to ? bytes[at + 1] : 0;
    if (length < 2 || at + length > to) break;
    if (kind == KIND_MPTCP && length > 2 && seen < MAX_KINDS && bytes[at + 2] >> 4 == MP_JOIN)
      out->kinds ^= (uint32_t)(OTHER_KIND ^ JOIN) << (4 * seen);
    if (kind == KIND_MSS && length == 4) out->mss = half(bytes + at + 2);
    at += length;
  }
}

static inline uint32_t rotate(uint32_t a, int bits) { return a << bits | a >> (32 - bits); }

static inline uint32_t finish(uint32_t mixed) {
  const uint32_t h = (mixed ^ mixed >> 16) * 0x45d9f3bu;
  return h ^ h >> 15;
}

/* hashTuple and fingerprint of src/wire/fingerprint.ts. */
static inline void hash(uint32_t *r, uint32_t salt) {
  const uint32_t src = r[SRC], dst = r[DST], ports = r[PORTS];
  const bool from_b = is_from_b(r);
  r[TUPLE] = tuple_hash(from_b ? dst : src, from_b ? src : dst, from_b ? ports << 16 | ports >> 16 : ports, r[SCOPE], salt);

  const uint32_t seq = r[SEQ], ack = r[ACK], tsval = r[TSVAL], tsecr = r[TSECR];
  const uint32_t meta = (r[WINDOW_TTL_FLAGS] & 0xff) << 16 | (r[CAPTURE_ID] & 0xffff);
  r[FINGERPRINT] = finish(src * 0x9e3779b1u ^ dst * 0x85ebca6bu ^ ports * 0xc2b2ae35u ^ seq * 0x27d4eb2fu ^
                    ack * 0x165667b1u ^ meta * 0x7feb352du ^ tsval * 0x846ca68bu);
  r[FINGERPRINT2] = finish((seq ^ rotate(src, 7)) * 0x2c1b3c6du ^ (ack ^ rotate(ports, 13)) * 0x297a2d39u ^
                     (tsval ^ rotate(dst, 19) ^ rotate(tsecr, 11)) * 0x1b873593u ^
                     (r[LENGTH] ^ rotate(meta, 5)) * 0x38b34ae5u);
}

/* Whether the headers are within the slab. The reader has checked that, but memory safety must not depend on it. */
static inline bool is_within(const struct slab *slab, uint32_t row) {
  return (size_t)slab->tcp_at[row] + MIN_HEADER <= slab->size && (size_t)slab->ip_at[row] + IPV6_HEADER <= slab->size &&
         slab->end[row] <= slab->size;
}

/* Returns false when the TCP header is impossible. For IPv6 rows, hosts and hashes are left to TypeScript. */
static inline bool decode(const struct slab *slab, uint32_t row, uint32_t capture, uint32_t salt, uint32_t *r) {
  const uint8_t *bytes = slab->bytes;
  const uint32_t tcp = slab->tcp_at[row];
  const uint32_t length = slab->length[row];
  const uint8_t *p = bytes + tcp;
  const uint32_t header = (p[12] >> 4) * 4u;
  if (header < MIN_HEADER || header > length) return false;
  const uint32_t flags = p[13];
  struct options options = {.timestamps = ABSENT, .window_scale = NO_WINDOW_SCALE};
  if (header == 32 && slab->end[row] >= tcp + 32 && word(p + MIN_HEADER) == 0x0101080a) {
    options.timestamps = PRESENT;
    options.tsval = word(p + 24);
    options.tsecr = word(p + 28);
  } else if (header > MIN_HEADER) {
    walk_options(bytes, tcp + MIN_HEADER, tcp + header, slab->end[row], &options);
  }
  if ((flags & FLAG_SYN) != 0) parse_syn(bytes, tcp + MIN_HEADER, tcp + header, slab->end[row], &options);

  memcpy(r + AT, slab->at + row, sizeof(double));
  r[FRAME] = slab->frame[row];
  r[PORTS] = word(p);
  r[SCOPE] = slab->scope[row];
  r[SEQ] = word(p + 4);
  r[ACK] = (flags & FLAG_ACK) == 0 ? 0 : word(p + 8);
  r[LENGTH] = length - header;
  r[TSVAL] = options.tsval;
  r[TSECR] = options.tsecr;
  r[OPTIONS] = options.mss << 8 | options.timestamps << 4 | options.window_scale;
  r[SYN_OPTIONS] = options.kinds;
  r[FOUND] = 0;
  const uint8_t *ip = bytes + slab->ip_at[row];
  const bool ipv6 = (r[SCOPE] & SCOPE_IPV6) != 0;
  const uint32_t ttl = ipv6 ? ip[7] : ip[8];
  r[CAPTURE_ID] = capture << 16 | (ipv6 ? 0 : half(ip + 4));
  r[WINDOW_TTL_FLAGS] = half(p + 14) << 16 | ttl << 8 | flags;
  if (ipv6) {
    r[SRC] = slab->ip_at[row];
    return true;
  }
  r[SRC] = word(ip + 12);
  r[DST] = word(ip + 16);
  hash(r, salt);
  return true;
}

/*
 * decodeRows(slab, rows, capture, own, salt, records, count, result): writes a record for each row of shard `own` after
 * the first `count` records, and into `result` the number of records now, of rows with a bad header, and of IPv6 rows.
 * `slab` is a handle of bindColumns; `records` has room for all rows.
 */
napi_value decode_rows(napi_env env, napi_callback_info info) {
  void *columns, *records, *result;
  size_t room;
  ARGUMENTS(env, info, 8);
  CHECK(env, napi_get_value_external(env, arguments[0], &columns));
  CHECK(env, napi_get_typedarray_info(env, arguments[5], NULL, &room, &records, NULL, NULL));
  CHECK(env, napi_get_typedarray_info(env, arguments[7], NULL, NULL, &result, NULL, NULL));
  const struct column *s = columns;
  const struct slab slab = {s[SLAB_AT].data,     s[SLAB_IP_AT].data,   s[SLAB_TCP_AT].data, s[SLAB_END].data,
                            s[SLAB_LENGTH].data, s[SLAB_FRAME].data,   s[SLAB_SCOPE].data,  s[SLAB_SHARD].data,
                            s[SLAB_BYTES].data,  s[SLAB_BYTES].length};
  const uint32_t rows = (uint32_t)int_of(env, arguments[1]);
  const uint32_t capture = (uint32_t)int_of(env, arguments[2]);
  const uint8_t own = (uint8_t)int_of(env, arguments[3]);
  const uint32_t salt = (uint32_t)int_of(env, arguments[4]);
  uint32_t count = (uint32_t)int_of(env, arguments[6]);
  if (shortest(s, SLAB_ROW_COLUMNS) < rows) return throw_error(env, NULL, "no such rows");
  if (room / SEGMENT_WORDS < (size_t)count + rows) return throw_error(env, NULL, "no room for the rows");

  uint32_t bad = 0, ipv6 = 0;
  uint32_t *r = (uint32_t *)records + (size_t)count * SEGMENT_WORDS;
  for (uint32_t row = 0; row < rows; row++) {
    if (row + AHEAD < rows) {
      __builtin_prefetch(slab.bytes + slab.ip_at[row + AHEAD]);
      __builtin_prefetch(slab.bytes + slab.tcp_at[row + AHEAD] + 12);
    }
    if (slab.shard[row] != own) continue;
    if (!is_within(&slab, row)) {
      napi_throw_range_error(env, NULL, "a header reaches past the slab");
      return NULL;
    }
    if (!decode(&slab, row, capture, salt, r)) {
      bad++;
      continue;
    }
    ipv6 += (r[SCOPE] & SCOPE_IPV6) != 0;
    r += SEGMENT_WORDS;
    count++;
  }
  ((uint32_t *)result)[0] = count;
  ((uint32_t *)result)[1] = bad;
  ((uint32_t *)result)[2] = ipv6;
  return NULL;
}
