#include "io/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { CHUNK = 1 << 20 };

uint64_t digest_bytes(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

static enum status cannot_be_read(enum status code, const char *path)
{
    return status_set(code, "%s: cannot be read: %s", path, strerror(errno));
}

enum status digest_rest(int fd, const void *bytes, size_t size, const char *path, enum status code,
                        uint64_t *digest)
{
    enum status status = STATUS_OK;
    XXH3_state_t *state = XXH3_createState();
    unsigned char *chunk = malloc(CHUNK);
    if (!state || !chunk) {
        status = status_no_memory("reading a file", CHUNK);
        goto done;
    }
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, bytes, size);
    ssize_t got;
    while ((got = read(fd, chunk, CHUNK)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            XXH3_64bits_update(state, chunk, (size_t)got);
    if (got < 0)
        status = cannot_be_read(code, path);
    *digest = XXH3_64bits_digest(state);
done:
    free(chunk);
    XXH3_freeState(state);
    return status;
}

enum status digest_file(const char *path, enum status code, uint64_t *digest)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_be_read(code, path);
    enum status status = digest_rest(fd, NULL, 0, path, code, digest);
    close(fd);
    return status;
}
