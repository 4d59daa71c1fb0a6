/*
 * Bytes on the wire, shared by the guest's programs. Numbers are big-endian; a string is its length
 * (4 bytes) and its bytes; a frame is a type (1 byte), a length (4 bytes) and its payload.
 */
#ifndef WIRE_H
#define WIRE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIRE_LIMIT (64u << 20) /* nothing that is sent is longer */

static inline int wire_write(int fd, const void *data, size_t length)
{
    const char *next = data;
    while (length > 0) {
        ssize_t written = write(fd, next, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        next += written;
        length -= (size_t)written;
    }
    return 0;
}

static inline int wire_read(int fd, void *data, size_t length)
{
    char *next = data;
    while (length > 0) {
        ssize_t got = read(fd, next, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        next += got;
        length -= (size_t)got;
    }
    return 0;
}

static inline void wire_put(unsigned char *place, uint32_t number)
{
    place[0] = (unsigned char)(number >> 24);
    place[1] = (unsigned char)(number >> 16);
    place[2] = (unsigned char)(number >> 8);
    place[3] = (unsigned char)number;
}

static inline uint32_t wire_get(const unsigned char *place)
{
    return (uint32_t)place[0] << 24 | (uint32_t)place[1] << 16 | (uint32_t)place[2] << 8 | place[3];
}

/* A number; -1 at the end of the stream. */
static inline int wire_read_number(int fd, uint32_t *number)
{
    unsigned char bytes[4];
    if (wire_read(fd, bytes, sizeof bytes) < 0)
        return -1;
    *number = wire_get(bytes);
    return 0;
}

/* A string with a null behind it, to be freed; NULL at the end of the stream. */
static inline char *wire_read_string(int fd, uint32_t *length)
{
    uint32_t count;
    if (wire_read_number(fd, &count) < 0 || count > WIRE_LIMIT)
        return NULL;
    char *text = malloc((size_t)count + 1);
    if (text == NULL)
        return NULL;
    if (wire_read(fd, text, count) < 0) {
        free(text);
        return NULL;
    }
    text[count] = '\0';
    if (length != NULL)
        *length = count;
    return text;
}

static inline int wire_write_frame(int fd, char type, const void *payload, uint32_t length)
{
    unsigned char head[5] = {(unsigned char)type};
    wire_put(head + 1, length);
    if (wire_write(fd, head, sizeof head) < 0)
        return -1;
    return wire_write(fd, payload, length);
}

#endif
