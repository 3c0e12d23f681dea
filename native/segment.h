/* Layout of a decoded segment, which TypeScript and C share: a record of src/wire/segments.ts. */
#ifndef PAWSCOPE_SEGMENT_H
#define PAWSCOPE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Offsets in words of a record. */
enum {
  AT = 0, /* a double */
  FRAME = 2,
  SRC,
  DST,
  PORTS,
  SCOPE,
  SEQ,
  ACK,
  LENGTH,
  TSVAL,
  TSECR,
  CAPTURE_ID,
  WINDOW_TTL_FLAGS,
  OPTIONS,
  SYN_OPTIONS,
  TUPLE,
  FINGERPRINT,
  FINGERPRINT2,
  FOUND, /* written by look-ahead.c */
  SEGMENT_WORDS,
};

/* FOUND of a segment whose flow was looked up and does not exist. */
#define NOWHERE 0xffffffffu

/* TCP flags, and the states of a timestamps option (src/wire/tcp.ts, tcp-options.ts). */
enum { FLAG_FIN = 0x01, FLAG_SYN = 0x02, FLAG_RST = 0x04, FLAG_ACK = 0x10 };
enum { ABSENT, PRESENT, UNKNOWN };
#define NO_WINDOW_SCALE 15
#define USUAL_WINDOW_SCALE 7

/* isFromB of src/wire/fingerprint.ts, where host numbers are signed: whether the sender is second in its tuple. */
static inline bool is_from_b(const uint32_t *s) {
  const uint32_t src = s[SRC], dst = s[DST], ports = s[PORTS];
  return (int32_t)src > (int32_t)dst || (src == dst && ports >> 16 > (ports & 0xffff));
}

/* tupleHash of src/wire/fingerprint.ts. */
static inline uint32_t tuple_hash(uint32_t host_a, uint32_t host_b, uint32_t ports, uint32_t scope, uint32_t salt) {
  uint32_t h = (host_a ^ salt) * 0x9e3779b1u ^ host_b;
  h = (h ^ h >> 15) * 0x85ebca6bu ^ ports;
  h = (h ^ h >> 13) * 0xc2b2ae35u ^ scope;
  h = (h ^ h >> 16) * 0x7feb352du;
  return h ^ h >> 15;
}

#endif
