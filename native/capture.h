/*
 * Capture on one interface. A separate thread drains libpcap's ring and writes whole packets, as records of a
 * nanosecond pcap file in this machine's byte order, into slots: memory that the caller lends. A slot is handed over
 * when it is full or HANDOVER_MS old. While the caller holds all slots, the thread waits and the kernel's ring fills;
 * packets that do not fit there are dropped and counted by the kernel.
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
  /* BPF filter; empty for everything. */
  const char *filter;
  int snaplen;
  int buffer_size;
  int promiscuous;
  int immediate;
};

struct capture_state {
  /* All packets before this time, nanoseconds since the epoch, are in the first `delivered` slots; 0: not known. */
  int64_t settled;
  uint64_t delivered;
  uint64_t dropped;
  uint64_t interface_dropped;
  /* When the two drop counters were read, in nanoseconds since the epoch: packets lost before are counted. */
  int64_t counted;
};

/* Called in the capturing thread: with each slot, which the caller then owns, at last with NULL. Must not block. */
typedef void (*capture_deliver)(void *user, const struct slot *slot);

/* On failure NULL, with a PCAP_ERROR_ number or CAPTURE_BAD_FILTER in *status and libpcap's message in `problem`. */
#define CAPTURE_BAD_FILTER (-100)
struct capture *capture_open(const struct libpcap *pcap, const struct capture_settings *settings, int *status,
                             char *problem);

int capture_link_type(const struct capture *capture);

/* Lends `count` slots, each larger than a record of the snapshot length. Returns 0 or an errno. */
int capture_lend(struct capture *capture, const struct slot *slots, size_t count, capture_deliver deliver, void *user);

/*
 * Starts capturing and the thread; before that the kernel's filter accepts nothing. Returns 0, or -1 with a message in
 * capture_problem.
 */
int capture_begin(struct capture *capture);

/* Index of a delivered slot in the array passed to capture_lend. */
size_t capture_slot_number(const struct capture *capture, const struct slot *slot);

/* The caller no longer needs the slot. */
void capture_release(struct capture *capture, size_t slot);

void capture_read_state(struct capture *capture, struct capture_state *state);

/* Ends the thread after it has delivered what has been captured so far. */
void capture_stop(struct capture *capture);

/* After the last delivery: why the capture ended by itself, or could not begin; empty if it was stopped on request. */
const char *capture_problem(const struct capture *capture);

/* Ends the thread at once and closes the interface. Packets not yet delivered are lost. */
void capture_close(struct capture *capture);

void capture_free(struct capture *capture);

#endif
