#define _GNU_SOURCE
#include "capture.h"
#include "glibc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The kernel passes on a block of its ring that is not full after this time. */
#define RING_MS 50
/* A slot that is not full is handed over after this time. */
#define HANDOVER_MS 50
/* An idle thread wakes up this often. */
#define IDLE_MS 100
/* Time after capture_stop in which the kernel must have passed on everything that it had. */
#define LAST_LOOK_MS (3 * RING_MS)
/* The counters are read at least this often; not with every packet, because libpcap reads files of /sys for them. */
#define STATS_MS 250
/*
 * A look that finds the ring empty settles the time that is this much older. If the kernel has counted no packets other
 * than those that were read, no block holds any back: only a packet between its timestamp and the ring may be missing,
 * in a queue of the kernel of a busy machine (ON_ITS_WAY). If the counts differ for another reason (on a loopback,
 * libpcap leaves out one of the two copies of a packet), a packet may also be in a block that the kernel still holds
 * back, for longer than RING_MS (HELD_BACK).
 */
#define ON_ITS_WAY_NS INT64_C(500000000)
#define HELD_BACK_NS INT64_C(1000000000)
/* How often the memory of free slots is returned to the system after a burst, except that of the few used next. */
#define TRIM_MS 10000
#define KEPT_SLOTS 4

/* The record header of a nanosecond pcap file. */
struct record {
  uint32_t seconds;
  uint32_t nanoseconds;
  uint32_t captured;
  uint32_t length;
};

struct capture {
  const struct libpcap *pcap;
  pcap_t *handle;
  int wake;
  /* Nanoseconds per unit of libpcap's tv_usec. */
  uint32_t unit;
  int link_type;
  capture_deliver deliver;
  void *user;
  char problem[CAPTURE_PROBLEM_SIZE];
  struct bpf_program filter;
  pthread_t thread;
  int running;
  struct slot slots[CAPTURE_MAX_SLOTS];

  pthread_mutex_t lock;
  pthread_cond_t released;
  /* Protected by the lock. */
  int stopping;
  int closing;
  size_t free_slots[CAPTURE_MAX_SLOTS];
  size_t free_count;
  uint8_t touched[CAPTURE_MAX_SLOTS];
  struct capture_state state;

  /* Used by the thread only. */
  /* When capturing began, in nanoseconds since the epoch; 0 once a packet with a later timestamp has come. */
  int64_t begun;
  struct slot *current;
  int64_t current_since;
  int64_t empty_since;
  struct pcap_stat counted;
  int64_t counted_at;
  /* Packets read by dispatch, and by how many the kernel's count exceeds that when all have been read. */
  uint32_t read;
  uint32_t count_offset;
  /* The kernel's count when the ring was last found empty, and since when it has not changed. */
  uint32_t received;
  int64_t received_since;
  int64_t trimmed_at;
};

static int64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t milliseconds(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000; }

/* `flag` is one of the flags protected by the lock. */
static int is_set(struct capture *c, const int *flag) {
  pthread_mutex_lock(&c->lock);
  const int set = *flag;
  pthread_mutex_unlock(&c->lock);
  return set;
}

/* Reads libpcap's counters, which have 32 bits and wrap. */
static void count(struct capture *c) {
  struct pcap_stat now = c->counted;
  const int64_t at = clock_ns(CLOCK_REALTIME);
  if (c->pcap->stats(c->handle, &now) != 0) return;
  pthread_mutex_lock(&c->lock);
  c->state.counted = at;
  c->state.dropped += now.dropped - c->counted.dropped;
  c->state.interface_dropped += now.interface_dropped - c->counted.interface_dropped;
  pthread_mutex_unlock(&c->lock);
  c->counted = now;
  c->counted_at = milliseconds();
}

/*
 * Returns the memory of free slots to the system, except of the KEPT_SLOTS on top of the stack, which are used next.
 * The contents of a free slot are not needed.
 */
static void trim(struct capture *c) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  pthread_mutex_lock(&c->lock);
  for (size_t i = 0; i + KEPT_SLOTS < c->free_count; i++) {
    const size_t number = c->free_slots[i];
    const uintptr_t begin = ((uintptr_t)c->slots[number].bytes + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)c->slots[number].bytes + c->slots[number].size) & ~(page - 1);
    if (!c->touched[number]) continue;
    c->touched[number] = 0;
    madvise((void *)begin, end - begin, MADV_DONTNEED);
  }
  pthread_mutex_unlock(&c->lock);
  c->trimmed_at = milliseconds();
}

static void hand_over(struct capture *c) {
  struct slot *slot = c->current;
  if (slot == NULL) return;
  c->current = NULL;
  /* Read the counters first, so that losses before or among these packets are known when the packets are. */
  count(c);
  pthread_mutex_lock(&c->lock);
  c->state.delivered++;
  pthread_mutex_unlock(&c->lock);
  c->deliver(c->user, slot);
}

/* Waits for a free slot and makes it current; there is no current slot when the capture is being closed. */
static void begin_slot(struct capture *c) {
  pthread_mutex_lock(&c->lock);
  while (c->free_count == 0 && !c->closing) pthread_cond_wait(&c->released, &c->lock);
  if (!c->closing) {
    const size_t number = c->free_slots[--c->free_count];
    c->touched[number] = 1;
    c->current = &c->slots[number];
  }
  pthread_mutex_unlock(&c->lock);
  if (c->current == NULL) return;
  c->current->filled = 0;
  c->current->packets = 0;
  c->current_since = milliseconds();
}

static void write_record(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *bytes) {
  struct capture *c = (struct capture *)user;
  if (c->begun != 0) {
    /* Older than the start: it came before reject_all set its filter, which does not empty the ring. */
    if (header->ts.tv_sec * INT64_C(1000000000) + header->ts.tv_usec * c->unit < c->begun) return;
    c->begun = 0;
  }
  const size_t size = sizeof(struct record) + header->caplen;
  if (c->current != NULL && c->current->filled + size > c->current->size) hand_over(c);
  if (c->current == NULL) begin_slot(c);
  if (c->current == NULL) return;
  /* Cannot happen: a slot is larger than a record of the snapshot length. But memory safety must not depend on that. */
  if (size > c->current->size) return;
  const struct record record = {
      .seconds = (uint32_t)header->ts.tv_sec,
      .nanoseconds = (uint32_t)header->ts.tv_usec * c->unit,
      .captured = header->caplen,
      .length = header->len,
  };
  uint8_t *to = c->current->bytes + c->current->filled;
  memcpy(to, &record, sizeof record);
  memcpy(to + sizeof record, bytes, header->caplen);
  c->current->filled += (uint32_t)size;
  c->current->packets++;
}

/*
 * The ring was found empty at `at`: all packets with timestamps some time before that have been read. If the counts do
 * not agree, the time of the previous look is used, because looking at the ring takes time.
 */
static void settle(struct capture *c, int64_t at) {
  count(c);
  const uint32_t count_offset = c->counted.received - c->counted.dropped - c->read;
  if (c->counted.received != c->received || at < c->received_since) {
    c->received = c->counted.received;
    c->received_since = at;
  } else if (at - c->received_since >= HELD_BACK_NS) {
    c->count_offset = count_offset;
  }
  const int64_t settled = count_offset == c->count_offset ? at - ON_ITS_WAY_NS : c->empty_since - HELD_BACK_NS;
  pthread_mutex_lock(&c->lock);
  if (settled > 0) c->state.settled = settled;
  pthread_mutex_unlock(&c->lock);
  c->empty_since = at;
}

static void wait_for_packets(struct capture *c) {
  struct pollfd fds[] = {
      {.fd = c->pcap->get_selectable_fd(c->handle), .events = POLLIN},
      {.fd = c->wake, .events = POLLIN},
  };
  int timeout = c->current == NULL ? IDLE_MS : HANDOVER_MS;
  uint64_t woken;
  if (poll(fds, 2, timeout) > 0 && fds[1].revents != 0 && read(c->wake, &woken, sizeof woken) < 0) return;
}

static void *run(void *argument) {
  struct capture *c = argument;
  int64_t last_look = 0;
  while (!is_set(c, &c->closing)) {
    const int64_t at = clock_ns(CLOCK_REALTIME);
    /* Non-blocking: on an idle interface a blocking read with TPACKET_V3 does not return. */
    const int packets = c->pcap->dispatch(c->handle, -1, write_record, (unsigned char *)c);
    if (packets < 0) {
      snprintf(c->problem, sizeof c->problem, "%s", c->pcap->geterr(c->handle));
      break;
    }
    c->read += (uint32_t)packets;
    const int64_t now = milliseconds();
    if (packets == 0 && c->current == NULL) settle(c, at);
    if (c->current != NULL && now - c->current_since >= HANDOVER_MS) hand_over(c);
    if (now - c->counted_at >= STATS_MS) count(c);
    if (now - c->trimmed_at >= TRIM_MS) trim(c);
    if (is_set(c, &c->stopping)) {
      if (last_look == 0) last_look = now + LAST_LOOK_MS;
      if (now >= last_look) break;
    }
    if (packets == 0) wait_for_packets(c);
  }
  count(c);
  hand_over(c);
  c->deliver(c->user, NULL);
  return NULL;
}

/* Installs a filter that rejects everything, so that nothing enters the ring before capture_begin. */
static int reject_all(struct capture *c) {
  struct instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
  } reject = {.code = BPF_RETURN_VALUE};
  struct bpf_program program = {.length = 1, .instructions = &reject};
  return c->pcap->setfilter(c->handle, &program);
}

/*
 * Compiles the filter. An empty text also gives a filter, which accepts everything: the filter is what cuts packets at
 * the snapshot length in the kernel. Without one, whole packets are copied into the ring.
 */
static int set_filter(struct capture *c, const char *text) {
  if (c->pcap->compile(c->handle, &c->filter, text, 1, PCAP_NETMASK_UNKNOWN) != 0) return CAPTURE_BAD_FILTER;
  return reject_all(c);
}

static int activate(struct capture *c, const struct capture_settings *s) {
  const struct libpcap *pcap = c->pcap;
  pcap->set_snaplen(c->handle, s->snaplen);
  pcap->set_promisc(c->handle, s->promiscuous);
  pcap->set_timeout(c->handle, RING_MS);
  pcap->set_buffer_size(c->handle, s->buffer_size);
  pcap->set_immediate_mode(c->handle, s->immediate);
  c->unit = pcap->set_tstamp_precision(c->handle, PCAP_TSTAMP_PRECISION_NANO) == 0 ? 1 : 1000;
  const int status = pcap->activate(c->handle);
  /* Values above 0 are warnings, such as that an interface does not support promiscuous mode. */
  return status < 0 ? status : 0;
}

struct capture *capture_open(const struct libpcap *pcap, const struct capture_settings *settings, int *status,
                             char *problem) {
  char error[PCAP_ERRBUF_SIZE] = "";
  struct capture *c = calloc(1, sizeof *c);
  *status = PCAP_ERROR;
  snprintf(problem, CAPTURE_PROBLEM_SIZE, "out of memory");
  if (c == NULL) return NULL;
  c->pcap = pcap;
  c->wake = -1;
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->released, NULL);
  c->handle = pcap->create(settings->device, error);
  if (c->handle == NULL) {
    snprintf(problem, CAPTURE_PROBLEM_SIZE, "%s", error);
    capture_free(c);
    return NULL;
  }
  *status = activate(c, settings);
  if (*status == 0) *status = set_filter(c, settings->filter);
  if (*status == 0 && pcap->setnonblock(c->handle, 1, error) != 0) *status = PCAP_ERROR;
  if (*status != 0) {
    const char *message = pcap->geterr(c->handle);
    snprintf(problem, CAPTURE_PROBLEM_SIZE, "%s", *message != '\0' ? message : pcap->statustostr(*status));
    capture_free(c);
    return NULL;
  }
  c->link_type = pcap->datalink(c->handle);
  return c;
}

int capture_link_type(const struct capture *capture) { return capture->link_type; }

int capture_lend(struct capture *c, const struct slot *slots, size_t count, capture_deliver deliver, void *user) {
  for (size_t i = 0; i < count; i++) {
    c->slots[i] = slots[i];
    c->free_slots[i] = count - 1 - i;
  }
  c->free_count = count;
  c->deliver = deliver;
  c->user = user;
  c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return c->wake < 0 ? errno : 0;
}

int capture_begin(struct capture *c) {
  if (c->running || c->handle == NULL) return 0;
  const char *problem = NULL;
  c->begun = clock_ns(CLOCK_REALTIME);
  if (c->pcap->setfilter(c->handle, &c->filter) != 0) {
    problem = c->pcap->geterr(c->handle);
  } else {
    const int error = pthread_create(&c->thread, NULL, run, c);
    c->running = error == 0;
    if (error != 0) problem = strerror(error);
  }
  if (problem != NULL) snprintf(c->problem, sizeof c->problem, "%s", problem);
  return problem == NULL ? 0 : -1;
}

size_t capture_slot_number(const struct capture *c, const struct slot *slot) { return (size_t)(slot - c->slots); }

void capture_release(struct capture *c, size_t slot) {
  pthread_mutex_lock(&c->lock);
  if (c->free_count < CAPTURE_MAX_SLOTS) c->free_slots[c->free_count++] = slot;
  pthread_cond_signal(&c->released);
  pthread_mutex_unlock(&c->lock);
}

void capture_read_state(struct capture *c, struct capture_state *state) {
  pthread_mutex_lock(&c->lock);
  *state = c->state;
  pthread_mutex_unlock(&c->lock);
}

static void signal_stop(struct capture *c, int closing) {
  const uint64_t one = 1;
  pthread_mutex_lock(&c->lock);
  c->stopping = 1;
  if (closing) c->closing = 1;
  pthread_cond_broadcast(&c->released);
  pthread_mutex_unlock(&c->lock);
  /* If the counter of the eventfd is full, the thread has been woken already. */
  if (c->wake >= 0 && write(c->wake, &one, sizeof one) < 0) return;
}

void capture_stop(struct capture *c) {
  signal_stop(c, 0);
  /* The end is reported by the thread, which is started if it does not run yet. */
  if (capture_begin(c) != 0) c->deliver(c->user, NULL);
}

const char *capture_problem(const struct capture *c) { return c->problem; }

void capture_close(struct capture *c) {
  if (c->running) {
    signal_stop(c, 1);
    pthread_join(c->thread, NULL);
    c->running = 0;
  }
  if (c->filter.instructions != NULL) c->pcap->freecode(&c->filter);
  c->filter.instructions = NULL;
  if (c->handle != NULL) c->pcap->close(c->handle);
  c->handle = NULL;
  if (c->wake >= 0) close(c->wake);
  c->wake = -1;
}

void capture_free(struct capture *c) {
  capture_close(c);
  pthread_cond_destroy(&c->released);
  pthread_mutex_destroy(&c->lock);
  free(c);
}
