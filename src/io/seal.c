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

/* What differs between the seals of checkpoints and of datasets. */
struct form {
    const char *magic;
    size_t step_length; /* of the line with the step; 0: there is none */
};

static const struct form forms[] = {
    {"cnn-train checkpoint 1\n", 27},
    {"cnn-train dataset 1\n", 0},
};
static const struct form *const checkpoint_form = &forms[0], *const dataset_form = &forms[1];

static const char tail[] =
    "\nBehind these 512 bytes this is an HDF5 file: open it with h5dump, h5ls, h5diff, h5py or "
    "HDFView.\n";

enum { FORMS = sizeof forms / sizeof *forms, DIGEST_LENGTH = 16 };

struct seal {
    uint64_t step, bytes, digest;
};

/* Where the digest's digits begin. */
static size_t digest_at(const struct form *form)
{
    return strlen(form->magic) + form->step_length + 27 + 6;
}

static void render(const struct form *form, const struct seal *seal, unsigned char block[SEAL_SIZE])
{
    char step[32] = "";
    memset(block, 0, SEAL_SIZE);
    if (form->step_length)
        snprintf(step, sizeof step, "step  %020" PRIu64 "\n", seal->step);
    snprintf((char *)block, SEAL_SIZE, "%s%sbytes %020" PRIu64 "\nxxh3  %016" PRIx64 "\n%s", form->magic,
             step, seal->bytes, seal->digest, tail);
}

/* The form that the block begins as; NULL: none. */
static const struct form *form_of(const unsigned char block[SEAL_SIZE])
{
    for (size_t i = 0; i < FORMS; i++)
        if (!memcmp(block, forms[i].magic, strlen(forms[i].magic)))
            return &forms[i];
    return NULL;
}

/* Whether the block was a seal before its first line was damaged: half of its words are still there. */
static bool was_seal(const unsigned char block[SEAL_SIZE])
{
    for (size_t i = 0; i < FORMS; i++) {
        size_t at = digest_at(&forms[i]) + DIGEST_LENGTH + 1, same = 0;
        for (size_t j = 0; j < sizeof tail; j++)
            same += block[at + j] == (unsigned char)tail[j];
        if (same > sizeof tail / 2)
            return true;
    }
    return false;
}

/* False where the block is not exactly what render makes. */
static bool parse(const struct form *form, const unsigned char block[SEAL_SIZE], struct seal *seal)
{
    char head[SEAL_SIZE + 1];
    unsigned char again[SEAL_SIZE];
    memcpy(head, block, SEAL_SIZE);
    head[SEAL_SIZE] = 0;
    const char *at = head + strlen(form->magic);
    seal->step = 0;
    if (form->step_length && sscanf(at, "step %20" SCNu64, &seal->step) != 1)
        return false;
    if (sscanf(at + form->step_length, "bytes %20" SCNu64 " xxh3 %16" SCNx64, &seal->bytes, &seal->digest) !=
        2)
        return false;
    render(form, seal, again);
    return !memcmp(block, again, SEAL_SIZE);
}

static void write_seal(const struct form *form, unsigned char *image, size_t size, uint64_t step)
{
    struct seal seal = {.step = step, .bytes = size, .digest = 0};
    render(form, &seal, image);
    seal.digest = digest_bytes(image, size);
    render(form, &seal, image);
}

void seal_write(unsigned char *image, size_t size, uint64_t step)
{
    write_seal(checkpoint_form, image, size, step);
}

void seal_write_dataset(unsigned char *image, size_t size)
{
    write_seal(dataset_form, image, size, 0);
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
    bool sealed = S_ISREG(info.st_mode) && read_full(fd, block, SEAL_SIZE) == SEAL_SIZE &&
                  form_of(block) == checkpoint_form && parse(checkpoint_form, block, &seal);
    close(fd);
    if (sealed)
        *step = seal.step;
    return sealed;
}

/* Of the block with the digest's digits replaced by zeros, and what follows it in the file. */
static enum status digest_sealed(int fd, const char *path, enum status code, const struct form *form,
                                 unsigned char block[SEAL_SIZE], uint64_t *digest)
{
    memset(block + digest_at(form), '0', DIGEST_LENGTH);
    return digest_rest(fd, block, SEAL_SIZE, path, code, digest);
}

static enum status check_content(int fd, const char *path, enum status code, uint64_t size, bool *sealed)
{
    unsigned char block[SEAL_SIZE] = {0};
    char is[32], should[32];
    struct seal seal;
    uint64_t digest = 0;
    ssize_t got = read_full(fd, block, SEAL_SIZE);
    const struct form *form = form_of(block);
    *sealed = form != NULL;
    if (!form && !(got == SEAL_SIZE && was_seal(block)))
        return STATUS_OK;
    text_count(is, size);
    if (size < SEAL_SIZE)
        return status_set(code, "%s: truncated: only %s bytes are there", path, is);
    if (!form || !parse(form, block, &seal))
        return status_set(code, "%s: damaged: its first %d bytes are not those that were written", path,
                          SEAL_SIZE);
    text_count(should, seal.bytes);
    if (size < seal.bytes)
        return status_set(code, "%s: truncated: %s bytes of %s are there", path, is, should);
    if (size > seal.bytes)
        return status_set(code, "%s: damaged: it has %s bytes instead of %s", path, is, should);
    enum status status = digest_sealed(fd, path, code, form, block, &digest);
    if (status == STATUS_OK && digest != seal.digest)
        status = status_set(code,
                            "%s: damaged: its bytes are not those that were written (digest %016" PRIx64
                            " instead of %016" PRIx64 ")%s",
                            path, digest, seal.digest,
                            code == STATUS_DATA
                                ? "; where it was changed on purpose, data/README.md tells how to go on"
                                : "");
    return status;
}

enum status seal_check(const char *path, enum status code, bool *sealed)
{
    struct stat info;
    *sealed = false;
    int fd = open_regular(path, &info);
    if (fd < 0)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (S_ISREG(info.st_mode))
        status = check_content(fd, path, code, (uint64_t)info.st_size, sealed);
    else
        status = status_set(code, "%s: is %s, not %s", path,
                            S_ISDIR(info.st_mode) ? "a folder" : "not a regular file",
                            code == STATUS_DATA ? "a dataset" : "a checkpoint");
    close(fd);
    return status;
}
