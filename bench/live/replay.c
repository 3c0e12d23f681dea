/*
 * replay DEVICE FILE RATE SECONDS SKIP: sends the frames of a microsecond pcap file on an interface, RATE per second
 * (0: as fast as possible; timed: each at its time in the file, or at once when that has passed), over and over for
 * SECONDS (0: the file once), without the first SKIP seconds of the file. Prints how many were sent. The sender must not
 * be the limit of the bench: it bypasses the queueing discipline and sends up to 64 frames per call.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define FILE_HEADER 24
#define RECORD_HEADER 16
#define CAPTURED 8

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* The time of the record in seconds. */
static double time_of(const uint8_t *record) {
  uint32_t time[2];
  memcpy(time, record, sizeof time);
  return time[0] + time[1] / 1e6;
}

/* Where the first record is that is so many seconds later than the first of all. */
static off_t skip(const uint8_t *bytes, off_t size, double seconds) {
  off_t at = FILE_HEADER;
  const double from = time_of(bytes + at) + seconds;
  while (at + RECORD_HEADER <= size && time_of(bytes + at) < from) {
    uint32_t captured;
    memcpy(&captured, bytes + at + CAPTURED, sizeof captured);
    at += RECORD_HEADER + captured;
  }
  return at;
}

static void wait_until(double when) {
  for (double early = when - now(); early > 0; early = when - now())
    if (early > 0.0002) usleep((useconds_t)(early * 1e6 / 2));
}

static int open_device(const char *name) {
  const int one = 1;
  const int device = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET,
      .sll_protocol = htons(ETH_P_IP),
      .sll_ifindex = (int)if_nametoindex(name),
  };
  if (device < 0 || bind(device, (struct sockaddr *)&address, sizeof address) != 0) return -1;
  setsockopt(device, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  return device;
}

int main(int argc, char **argv) {
  struct stat status;
  if (argc != 6) return fprintf(stderr, "replay DEVICE FILE RATE SECONDS SKIP\n"), 2;
  const int device = open_device(argv[1]);
  const int file = open(argv[2], O_RDONLY);
  if (device < 0 || file < 0 || fstat(file, &status) != 0) return perror("replay"), 2;
  uint8_t *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (bytes == MAP_FAILED) return perror("replay"), 2;
  const int timed = strcmp(argv[3], "timed") == 0;
  const double rate = timed ? 0 : atof(argv[3]);
  const double seconds = atof(argv[4]);
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  uint64_t sent = 0;
  const off_t first = skip(bytes, status.st_size, atof(argv[5]));
  if (first + RECORD_HEADER > status.st_size) return fprintf(stderr, "replay: there is nothing to send\n"), 2;
  off_t at = first;
  const double begun = now();
  double zero = begun - time_of(bytes + at);
  while (seconds == 0 ? at + RECORD_HEADER <= status.st_size : now() - begun < seconds) {
    if (at + RECORD_HEADER > status.st_size) {
      at = first;
      zero = now() - time_of(bytes + at);
    }
    if (timed) wait_until(zero + time_of(bytes + at));
    const double due = timed ? now() - zero : INFINITY;
    int filled = 0;
    while (filled < BATCH && at + RECORD_HEADER <= status.st_size && time_of(bytes + at) <= due) {
      uint32_t captured;
      memcpy(&captured, bytes + at + CAPTURED, sizeof captured);
      parts[filled++] = (struct iovec){.iov_base = bytes + at + RECORD_HEADER, .iov_len = captured};
      at += RECORD_HEADER + captured;
    }
    for (int done = 0; done < filled;) {
      const int count = sendmmsg(device, messages + done, (unsigned)(filled - done), 0);
      if (count > 0) done += count;
    }
    sent += (uint64_t)filled;
    if (rate > 0) wait_until(begun + (double)sent / rate);
  }
  printf("%llu\n", (unsigned long long)sent);
  return 0;
}
