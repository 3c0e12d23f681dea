/*
 * One interface being captured. A thread of its own drains libpcap's ring and writes whole packets, as records of a
 * nanosecond pcap file in this machine's byte order, into slots: memory that the caller lends. A slot is handed over
 * when it is full or HANDOVER_MS old. While the caller holds all of them the thread waits and the kernel's ring fills;
 * what does not fit there is dropped by the kernel, and counted.
 */
#ifndef PAWSCOPE_CAPTURE_H
#define PAWSCOPE_CAPTURE_H

#include "libpcap.h"

#include <stddef.h>

#define CAPTURE_MAX_SLOTS 64
#define CAPTURE_PROBLEM_SIZE 512

struct capture;

struct slot {
  uint8_t *bytes;
  uint32_t size;
  uint32_t filled;
  uint32_t packets;
};

struct capture_settings {
  const char *device;
  /* Empty for everything. */
  const char *filter;
  int snaplen;
  int buffer_size;
  int promiscuous;
  int immediate;
};

struct capture_state {
  /* Nanoseconds since the epoch: all that was captured before is in the first `delivered` slots. 0: not yet known. */
  int64_t settled;
  uint64_t delivered;
  uint64_t dropped;
  uint64_t interface_dropped;
  /* Nanoseconds since the epoch at which those two were read: packets of before that are counted. */
  int64_t counted;
};

/* Called in the capturing thread: with a slot that is the caller's now, at last with NULL. Must not block. */
typedef void (*capture_deliver)(void *user, const struct slot *slot);

/* NULL with *status (a PCAP_ERROR_ number, or CAPTURE_BAD_FILTER) and libpcap's sentence in `problem`. */
#define CAPTURE_BAD_FILTER (-100)
struct capture *capture_open(const struct libpcap *pcap, const struct capture_settings *settings, int *status,
                             char *problem);

int capture_link_type(const struct capture *capture);

/* Returns 0, or an errno. `count` slots, each larger than a record of the snap length. */
int capture_lend(struct capture *capture, const struct slot *slots, size_t count, capture_deliver deliver, void *user);

/*
 * From now on it captures, and its thread runs; until then the kernel keeps nothing. Returns 0, or -1 with a sentence in
 * capture_problem.
 */
int capture_begin(struct capture *capture);

/* The number of a slot that was delivered, in the order of capture_lend. */
size_t capture_slot_number(const struct capture *capture, const struct slot *slot);

/* The caller has done with the slot. */
void capture_release(struct capture *capture, size_t slot);

void capture_read_state(struct capture *capture, struct capture_state *state);

/* What has been captured so far is delivered, then the thread ends. */
void capture_stop(struct capture *capture);

/* Why it ended by itself, after the last delivery, or could not begin; empty when it was told to end. */
const char *capture_problem(const struct capture *capture);

/* Ends the thread at once and closes the interface. What was not delivered is lost. */
void capture_close(struct capture *capture);

void capture_free(struct capture *capture);

#endif
