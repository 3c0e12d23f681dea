/* Reads only the headers of packets: see headers.c. Independent of Node-API, so that tests can use it alone. */
#ifndef PAWSCOPE_HEADERS_H
#define PAWSCOPE_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size of a pcap file header, as in src/capture/format/pcap.ts. */
#define FILE_HEADER 24

struct headers;

/* NULL if there is no memory or no thread. The caller keeps the file, open until headers_close. */
struct headers *headers_open(int file, const uint8_t *file_header);
/*
 * Waits for bytes and copies at most `limit`; returns 0 at the end. Sets `read` and `omitted` to the bytes of the file
 * read, and left out, up to these bytes or a little beyond.
 */
size_t headers_take(struct headers *h, uint8_t *to, size_t limit, uint64_t *read, uint64_t *omitted);
/* Makes the last `count` bytes available again; returns false if they are no longer there. */
bool headers_give_back(struct headers *h, size_t count);
void headers_close(struct headers *h);

#endif
