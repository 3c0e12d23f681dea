/* Reading of headers alone: see headers.c. No Node-API here: tests may run it by itself. */
#ifndef PAWSCOPE_HEADERS_H
#define PAWSCOPE_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a pcap, as src/capture/pcap.ts has it. */
#define FILE_HEADER 24

struct headers;

/* NULL where there is no memory or no thread. The file stays the caller's, and open until it is closed here. */
struct headers *headers_open(int file, const uint8_t *file_header);
/* Waits for bytes, at most `limit`; 0 at the end. `read`, `omitted`: of the file, up to these bytes or a little beyond. */
size_t headers_take(struct headers *h, uint8_t *to, size_t limit, uint64_t *read, uint64_t *omitted);
/* The last `count` bytes are to come again. False, and they will not, where they are gone. */
bool headers_give_back(struct headers *h, size_t count);
void headers_close(struct headers *h);

#endif
