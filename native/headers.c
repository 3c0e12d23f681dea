/*
 * Reads a pcap of large packets in a separate thread and passes on what will be looked at: of a plain TCP frame
 * (Ethernet, with or without VLAN tags; IPv4 without options, or IPv6 without extension headers) only the headers, all
 * other records whole. The file is read piece by piece into a buffer that stays in the processor's cache, so a payload
 * is read once and never copied. In a shortened record the captured length is reduced, as by a snapshot length; the
 * length on the wire is not changed. Unusual frames pass unchanged, and so does everything after an impossible captured
 * length: damage is left for the parser to report.
 */
#include "headers.h"

#include "frame.h"
#include "glibc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* src/capture/format/pcap.ts */
#define RECORD_HEADER 16
#define CAPTURED 8
#define MAX_CAPTURED 262144

/* Large enough for the longest record. */
#define BUFFER ((256u << 10) + 4096)
#define SLOT (2 * BUFFER)
#define SLOTS 8

struct slot {
  uint8_t *bytes;
  size_t count;
  /* Up to the end of this slot: bytes of the file read, and bytes left out. */
  uint64_t read, omitted;
};

struct headers {
  int file;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Number of slots filled and number of slots taken so far; both only grow. */
  uint64_t filled, taken;
  bool ended, stopped;
  size_t taken_of_slot;
  struct slot slots[SLOTS];

  /* Used by the thread only. */
  uint8_t *buffer;
  size_t held;
  uint64_t read, omitted;
  bool passthrough;
};

/* Offset of the IP header, after the Ethernet header and VLAN tags, of which a frame rarely has more than two. */
static uint32_t ip_at(const uint8_t *frame, uint32_t captured) {
  enum { VLAN = 0x8100, QINQ = 0x88a8, TAG = 4, MOST = 2 };
  uint32_t at = ETHERNET_HEADER;
  for (int tags = 0; tags < MOST && at + TAG <= captured; tags++, at += TAG) {
    const uint32_t type = half(frame + at - 2);
    if (type != VLAN && type != QINQ) break;
  }
  return at;
}

/* Bytes of a frame that will be looked at: see decode of decode-rows.c. */
static uint32_t looked_at(const uint8_t *frame, uint32_t captured) {
  const uint32_t ip = ip_at(frame, captured);
  uint32_t tcp;
  if (ip + IP_HEADER + TCP_HEADER <= captured && is_plain_ipv4(frame + ip)) tcp = ip + IP_HEADER;
  else if (ip + IPV6_HEADER + TCP_HEADER <= captured && is_plain_ipv6(frame + ip)) tcp = ip + IPV6_HEADER;
  else return captured;
  const uint32_t header = (frame[tcp + 12] >> 4) * 4u, kept = tcp + (header < TCP_HEADER ? TCP_HEADER : header);
  return kept < captured ? kept : captured;
}

/* Moves whole records from the buffer to `to`, shortened; returns the bytes written, at most as many as were held. */
static size_t shorten(struct headers *h, uint8_t *to) {
  size_t at = 0, out = 0;
  while (!h->passthrough && h->held - at >= RECORD_HEADER) {
    const uint8_t *record = h->buffer + at;
    uint32_t captured;
    memcpy(&captured, record + CAPTURED, sizeof captured);
    if (captured > MAX_CAPTURED) h->passthrough = true;
    else if (h->held - at - RECORD_HEADER < captured) break;
    else {
      const uint32_t kept = looked_at(record + RECORD_HEADER, captured);
      memcpy(to + out, record, RECORD_HEADER + kept);
      memcpy(to + out + CAPTURED, &kept, sizeof kept);
      h->omitted += captured - kept;
      out += RECORD_HEADER + kept;
      at += RECORD_HEADER + captured;
    }
  }
  if (h->passthrough) {
    memcpy(to + out, h->buffer + at, h->held - at);
    out += h->held - at;
    at = h->held;
  }
  h->held -= at;
  memmove(h->buffer, h->buffer + at, h->held);
  return out;
}

/* Fills a slot as long as a full buffer still fits; returns false at the end of the file or if it cannot be read. */
static bool fill(struct headers *h, struct slot *slot) {
  slot->count = 0;
  bool more = true;
  while (more && SLOT - slot->count >= BUFFER) {
    const ssize_t count = pread(h->file, h->buffer + h->held, BUFFER - h->held, (off_t)h->read);
    if (count < 0 && errno == EINTR) continue;
    more = count > 0;
    if (more) {
      h->held += (size_t)count;
      h->read += (uint64_t)count;
    } else {
      h->passthrough = true;
    }
    slot->count += shorten(h, slot->bytes + slot->count);
  }
  slot->read = h->read;
  slot->omitted = h->omitted;
  return more;
}

static void *run(void *data) {
  struct headers *h = data;
  for (bool more = true; more;) {
    pthread_mutex_lock(&h->lock);
    while (h->filled - h->taken == SLOTS && !h->stopped) pthread_cond_wait(&h->changed, &h->lock);
    const bool stopped = h->stopped;
    pthread_mutex_unlock(&h->lock);
    if (stopped) break;
    more = fill(h, &h->slots[h->filled % SLOTS]);
    pthread_mutex_lock(&h->lock);
    h->filled++;
    h->ended = !more;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
  }
  return NULL;
}

static void destroy(struct headers *h) {
  pthread_mutex_destroy(&h->lock);
  pthread_cond_destroy(&h->changed);
  for (int i = 0; i < SLOTS; i++) free(h->slots[i].bytes);
  free(h->buffer);
  free(h);
}

struct headers *headers_open(int file, const uint8_t *file_header) {
  struct headers *h = calloc(1, sizeof *h);
  if (h == NULL) return NULL;
  h->file = file;
  pthread_mutex_init(&h->lock, NULL);
  pthread_cond_init(&h->changed, NULL);
  bool room = (h->buffer = malloc(BUFFER)) != NULL;
  for (int i = 0; i < SLOTS; i++) room = (h->slots[i].bytes = malloc(SLOT)) != NULL && room;
  if (room) {
    /* The first slot holds only the file header, so the thread need not fill it. */
    memcpy(h->slots[0].bytes, file_header, FILE_HEADER);
    h->slots[0].count = h->slots[0].read = h->read = FILE_HEADER;
    h->filled = 1;
    if (pthread_create(&h->thread, NULL, run, h) == 0) return h;
  }
  destroy(h);
  return NULL;
}

size_t headers_take(struct headers *h, uint8_t *to, size_t limit, uint64_t *read, uint64_t *omitted) {
  for (;;) {
    pthread_mutex_lock(&h->lock);
    while (h->filled == h->taken && !h->ended) pthread_cond_wait(&h->changed, &h->lock);
    const bool is_there = h->filled != h->taken;
    pthread_mutex_unlock(&h->lock);
    if (!is_there) return 0;
    const struct slot *slot = &h->slots[h->taken % SLOTS];
    const size_t left = slot->count - h->taken_of_slot, count = left < limit ? left : limit;
    memcpy(to, slot->bytes + h->taken_of_slot, count);
    h->taken_of_slot += count;
    *read = slot->read;
    *omitted = slot->omitted;
    if (count > 0) return count;
    /* Free the slot only now, because the bytes taken last could still be given back. */
    h->taken_of_slot = 0;
    pthread_mutex_lock(&h->lock);
    h->taken++;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
  }
}

bool headers_give_back(struct headers *h, size_t count) {
  if (count > h->taken_of_slot) return false;
  h->taken_of_slot -= count;
  return true;
}

void headers_close(struct headers *h) {
  pthread_mutex_lock(&h->lock);
  h->stopped = true;
  pthread_cond_signal(&h->changed);
  pthread_mutex_unlock(&h->lock);
  pthread_join(h->thread, NULL);
  destroy(h);
}
