#include "io/seal.h"

#include "core/text.h"
#include "io/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "cnn-train checkpoint 1\n";
static const char tail[] =
    "\nBehind these 512 bytes this is an HDF5 file: open it with h5dump, h5ls, h5diff, h5py or "
    "HDFView.\n";

enum {
    MAGIC_LENGTH = sizeof magic - 1,
    DIGEST_AT = MAGIC_LENGTH + 27 + 27 + 6, /* behind the lines of step and bytes */
    DIGEST_LENGTH = 16,
    HEAD_LENGTH = DIGEST_AT + DIGEST_LENGTH + 1,
};

struct seal {
    uint64_t step, bytes, digest;
};

static void render(const struct seal *seal, unsigned char block[SEAL_SIZE])
{
    memset(block, 0, SEAL_SIZE);
    snprintf((char *)block, SEAL_SIZE,
             "%sstep  %020" PRIu64 "\nbytes %020" PRIu64 "\nxxh3  %016" PRIx64 "\n%s", magic, seal->step,
             seal->bytes, seal->digest, tail);
}

static bool has_magic(const unsigned char block[SEAL_SIZE])
{
    return !memcmp(block, magic, MAGIC_LENGTH);
}

/* False where the block is not exactly what render makes. */
static bool parse(const unsigned char block[SEAL_SIZE], struct seal *seal)
{
    char head[HEAD_LENGTH + 1];
    unsigned char again[SEAL_SIZE];
    memcpy(head, block, HEAD_LENGTH);
    head[HEAD_LENGTH] = 0;
    if (!has_magic(block) ||
        sscanf(head + MAGIC_LENGTH, "step %20" SCNu64 " bytes %20" SCNu64 " xxh3 %16" SCNx64, &seal->step,
               &seal->bytes, &seal->digest) != 3)
        return false;
    render(seal, again);
    return !memcmp(block, again, SEAL_SIZE);
}

void seal_write(unsigned char *image, size_t size, uint64_t step)
{
    struct seal seal = {.step = step, .bytes = size, .digest = 0};
    render(&seal, image);
    seal.digest = digest_bytes(image, size);
    render(&seal, image);
}

/* As many bytes as there are, up to `size`; -1 with errno. */
static ssize_t read_full(int fd, unsigned char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, bytes + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* O_NONBLOCK, so that a pipe of that name does not hold us up. */
static int open_regular(const char *path, struct stat *info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, info)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool seal_step(const char *path, uint64_t *step)
{
    unsigned char block[SEAL_SIZE] = {0};
    struct stat info;
    struct seal seal;
    int fd = open_regular(path, &info);
    if (fd < 0)
        return false;
    bool sealed =
        S_ISREG(info.st_mode) && read_full(fd, block, SEAL_SIZE) == SEAL_SIZE && parse(block, &seal);
    close(fd);
    if (sealed)
        *step = seal.step;
    return sealed;
}

/* Of the block with the digest's digits replaced by zeros, and what follows it in the file. */
static enum status digest_sealed(int fd, const char *path, unsigned char block[SEAL_SIZE], uint64_t *digest)
{
    memset(block + DIGEST_AT, '0', DIGEST_LENGTH);
    return digest_rest(fd, block, SEAL_SIZE, path, STATUS_CHECKPOINT, digest);
}

static enum status check_content(int fd, const char *path, uint64_t size, bool *sealed)
{
    unsigned char block[SEAL_SIZE] = {0};
    char is[32], should[32];
    struct seal seal;
    uint64_t digest = 0;
    *sealed = read_full(fd, block, SEAL_SIZE) >= MAGIC_LENGTH && has_magic(block);
    if (!*sealed)
        return STATUS_OK;
    text_count(is, size);
    if (size < SEAL_SIZE)
        return status_set(STATUS_CHECKPOINT, "%s: truncated: only %s bytes are there", path, is);
    if (!parse(block, &seal))
        return status_set(STATUS_CHECKPOINT,
                          "%s: damaged: its first %d bytes are not those that were written", path, SEAL_SIZE);
    text_count(should, seal.bytes);
    if (size < seal.bytes)
        return status_set(STATUS_CHECKPOINT, "%s: truncated: %s bytes of %s are there", path, is, should);
    if (size > seal.bytes)
        return status_set(STATUS_CHECKPOINT, "%s: damaged: it has %s bytes instead of %s", path, is, should);
    enum status status = digest_sealed(fd, path, block, &digest);
    if (status == STATUS_OK && digest != seal.digest)
        status = status_set(STATUS_CHECKPOINT,
                            "%s: damaged: its bytes are not those that were written (digest %016" PRIx64
                            " instead of %016" PRIx64 ")",
                            path, digest, seal.digest);
    return status;
}

enum status seal_check(const char *path, bool *sealed)
{
    struct stat info;
    *sealed = false;
    int fd = open_regular(path, &info);
    if (fd < 0)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (S_ISREG(info.st_mode))
        status = check_content(fd, path, (uint64_t)info.st_size, sealed);
    else
        status = status_set(STATUS_CHECKPOINT, "%s: is %s, not a checkpoint", path,
                            S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
    close(fd);
    return status;
}
