/* A decoded segment as both sides have it: a record of src/wire/segments.ts. */
#ifndef PAWSCOPE_SEGMENT_H
#define PAWSCOPE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Words of a record. */
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
  FOUND, /* written by look.c */
  SEGMENT_WORDS,
};

#define FLAG_SYN 0x02

/* Whether the sender is the second of its tuple: isFromB of src/wire/fingerprint.ts, where hosts are signed. */
static inline bool is_from_b(const uint32_t *s) {
  const uint32_t src = s[SRC], dst = s[DST], ports = s[PORTS];
  return (int32_t)src > (int32_t)dst || (src == dst && ports >> 16 > (ports & 0xffff));
}

#endif
