/*
 * replay DEVICE FILE RATE SECONDS: sends the frames of a pcap file on an interface, RATE per second (0: as fast as
 * possible), over and over for SECONDS (0: the file once). Prints how many were sent. The sender must not be the limit
 * of the bench: it bypasses the queueing discipline and sends 64 frames per call.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
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
  if (argc != 5) return fprintf(stderr, "replay DEVICE FILE RATE SECONDS\n"), 2;
  const int device = open_device(argv[1]);
  const int file = open(argv[2], O_RDONLY);
  if (device < 0 || file < 0 || fstat(file, &status) != 0) return perror("replay"), 2;
  uint8_t *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (bytes == MAP_FAILED) return perror("replay"), 2;
  const double rate = atof(argv[3]);
  const double seconds = atof(argv[4]);
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  uint64_t sent = 0;
  off_t at = FILE_HEADER;
  const double begun = now();
  while (seconds == 0 ? at + RECORD_HEADER <= status.st_size : now() - begun < seconds) {
    int filled = 0;
    while (filled < BATCH) {
      if (at + RECORD_HEADER > status.st_size) {
        if (seconds == 0) break;
        at = FILE_HEADER;
      }
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
    while (rate > 0 && (double)sent / rate > now() - begun) {
      const double early = (double)sent / rate - (now() - begun);
      if (early > 0.0002) usleep((useconds_t)(early * 1e6 / 2));
    }
  }
  printf("%llu\n", (unsigned long long)sent);
  return 0;
}
