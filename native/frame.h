/* Frames of a capture, with numbers in network byte order, and tests for plain frames, which nearly all are. */
#ifndef PAWSCOPE_FRAME_H
#define PAWSCOPE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Smallest size of each header in bytes. */
#define ETHERNET_HEADER 14
#define IP_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20

static inline uint32_t half(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

/* IPv4 without options, not fragmented, with TCP. `ip` follows the ethertype; 40 bytes must be there. */
static inline bool is_plain_ipv4(const uint8_t *ip) {
  enum { IPV4 = 0x0800, VERSION_AND_LENGTH = 0x45, TOTAL_LENGTH = 2, FRAGMENT = 6, PROTOCOL = 9, TCP = 6 };
  enum { MORE_FRAGMENTS_OR_OFFSET = 0x3fff };
  return half(ip - 2) == IPV4 && ip[0] == VERSION_AND_LENGTH && ip[PROTOCOL] == TCP &&
         (half(ip + FRAGMENT) & MORE_FRAGMENTS_OR_OFFSET) == 0 && half(ip + TOTAL_LENGTH) >= IP_HEADER + TCP_HEADER;
}

/* IPv6 without extension headers, with TCP. One whose length is 0 extends to the end of the frame and is not plain. */
static inline bool is_plain_ipv6(const uint8_t *ip) {
  enum { IPV6 = 0x86dd, PAYLOAD_LENGTH = 4, NEXT_HEADER = 6, TCP = 6 };
  return half(ip - 2) == IPV6 && ip[0] >> 4 == 6 && ip[NEXT_HEADER] == TCP && half(ip + PAYLOAD_LENGTH) >= TCP_HEADER;
}

/* Ethernet, IPv4 without options, not fragmented, with TCP: the fast path of `locate` of src/wire/locate.ts. */
static inline bool is_plain(const uint8_t *frame, uint32_t captured) {
  return captured >= ETHERNET_HEADER + IP_HEADER + TCP_HEADER && is_plain_ipv4(frame + ETHERNET_HEADER);
}

#endif
