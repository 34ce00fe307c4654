#include "train/alike.h"

#include "core/build_info.h"
#include "core/log.h"
#include "dist/same.h"
#include "io/digest.h"

#include <stdlib.h>
#include <string.h>

static uint64_t text_digest(const char *text)
{
    return digest_bytes(text, strlen(text));
}

/* Where the program cannot see its own file, its commit stands for it. */
static uint64_t program_digest(void)
{
    uint64_t digest;
    return digest_file("/proc/self/exe", STATUS_INTERNAL, &digest) ? text_digest(build_commit()) : digest;
}

enum status alike_program(const struct comm *comm)
{
    const struct same_item item = {"program", STATUS_USAGE, comm->size > 1 ? program_digest() : 0};
    return same_check(comm, &item, 1);
}

enum status alike_options(const struct comm *comm, uint64_t digest)
{
    const struct same_item item = {"command line", STATUS_USAGE, digest};
    return same_check(comm, &item, 1);
}

enum status alike_config(const struct comm *comm, const struct config *config)
{
    if (comm->size == 1)
        return STATUS_OK;
    char *text = NULL;
    struct config effective = *config;
    if (effective.data.file[0])
        strcpy(effective.data.file, "given");
    enum status status = comm_agree(comm, config_text(&effective, &text));
    if (!status) {
        const struct same_item item = {"configuration", STATUS_USAGE, text_digest(text)};
        status = same_check(comm, &item, 1);
    }
    free(text);
    return status;
}

void alike_instructions(const struct comm *comm, const char *name)
{
    const struct same_item item = {"instruction set", STATUS_USAGE, text_digest(name)};
    if (same_check(comm, &item, 1) && log_is_speaker())
        log_warn(
            "%s; other hosts will give other bits, unless the environment variable CNN_ISA names one for all",
            status_message());
}

enum status alike_data(const struct comm *comm, const struct dataset_split *train,
                       const struct dataset_split *test)
{
    const uint64_t digests[] = {train->digest, test != NULL, test ? test->digest : 0};
    const struct same_item item = {"data", STATUS_DATA, digest_bytes(digests, sizeof digests)};
    return same_check(comm, &item, 1);
}
