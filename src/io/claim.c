#include "io/claim.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* .lock can be removed between opening and locking, by a run that ends; more often than this by none. */
enum { TAKE_TRIES = 100, TEXT_MAX = 512 };

/* What .lock and .owner hold: lines "WORD VALUE". */
struct holder {
    char token[33], host[256], date[32];
    long pid;
};

static enum status place(const struct claim *claim, const char *name, char path[FILE_PATH_MAX])
{
    if (snprintf(path, FILE_PATH_MAX, "%s/%s", claim->folder, name) < FILE_PATH_MAX)
        return STATUS_OK;
    return status_set(STATUS_CHECKPOINT, "the path of the output folder %s is too long", claim->folder);
}

static size_t write_holder(const struct claim *claim, char text[TEXT_MAX])
{
    char host[256] = "unknown", date[32] = "unknown";
    time_t now = time(NULL);
    struct tm utc;
    gethostname(host, sizeof host - 1);
    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return (size_t)snprintf(text, TEXT_MAX, "token %s\nhost %s\npid %ld\nsince %s\n",
                            claim->token[0] ? claim->token : "none", host, (long)getpid(), date);
}

/* Empty strings where the text is another one. */
static struct holder parse_holder(const char *text)
{
    struct holder h = {.pid = 0};
    if (sscanf(text, "token %32s host %255s pid %ld since %31s", h.token, h.host, &h.pid, h.date) != 4)
        h = (struct holder){.pid = 0};
    return h;
}

/* "pid 12 on n01 since 2026-11-28T08:00:00Z" */
static void name_holder(const struct holder *h, char name[TEXT_MAX])
{
    if (h->pid)
        snprintf(name, TEXT_MAX, "pid %ld on %s since %s", h->pid, h->host, h->date);
    else
        snprintf(name, TEXT_MAX, "which did not say where it runs");
}

static int read_text(int fd, char text[TEXT_MAX])
{
    ssize_t length = pread(fd, text, TEXT_MAX - 1, 0);
    text[length > 0 ? length : 0] = 0;
    return length < 0 ? errno : 0;
}

/* The first folder of the path that is missing: the length of its part of the path; 0: there is none. */
static size_t first_missing(const char *path)
{
    char part[FILE_PATH_MAX];
    struct stat info;
    for (size_t i = 1; i <= strlen(path); i++)
        if (path[i] == '/' || path[i] == 0) {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            if (stat(part, &info))
                return i;
        }
    return 0;
}

/* Those that claim_take made, from the innermost, as long as they are empty. */
static void remove_made(const struct claim *claim)
{
    char part[FILE_PATH_MAX];
    for (size_t i = strlen(claim->folder); claim->made && i >= claim->made; i--)
        if (claim->folder[i] == '/' || claim->folder[i] == 0) {
            snprintf(part, sizeof part, "%.*s", (int)i, claim->folder);
            if (rmdir(part) && errno != ENOENT)
                return;
        }
}

static bool is_still(int fd, const char *path)
{
    struct stat opened, there;
    return !fstat(fd, &opened) && !lstat(path, &there) && opened.st_dev == there.st_dev &&
           opened.st_ino == there.st_ino;
}

static enum status refuse(const struct claim *claim, int fd)
{
    char text[TEXT_MAX], name[TEXT_MAX];
    read_text(fd, text);
    const struct holder holder = parse_holder(text);
    name_holder(&holder, name);
    return status_set(STATUS_CHECKPOINT,
                      "%s: another run is writing to this folder, %s: wait for its end, stop it, or choose "
                      "another run.name or run.output",
                      claim->folder, name);
}

/* Locks the opened file. `again`: it is no more the one in the folder. */
static enum status lock(struct claim *claim, int fd, const char *path, bool *again)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int error = fcntl(fd, F_OFD_SETLK, &whole) ? errno : 0;
    *again = false;
    if (error == EAGAIN || error == EACCES)
        return refuse(claim, fd);
    if (error)
        log_warn("%s: the file system cannot lock (%s): a second run into this folder is not refused, but "
                 "ends the first one",
                 claim->folder, strerror(error));
    *again = !is_still(fd, path);
    return STATUS_OK;
}

/* One try. On failure, or where `again`, nothing is open. */
static enum status try_take(struct claim *claim, const char *path, bool *again)
{
    char text[TEXT_MAX];
    enum status status = file_make_folder(claim->folder, STATUS_CHECKPOINT);
    if (status)
        return status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    *again = fd < 0 && errno == ENOENT;
    if (fd < 0)
        return *again ? STATUS_OK : file_failure(STATUS_CHECKPOINT, errno, "create", path);
    status = lock(claim, fd, path, again);
    if (status || *again) {
        close(fd);
        return status;
    }
    claim->taken = true;
    claim->lock = fd;
    size_t size = write_holder(claim, text);
    if (pwrite(fd, text, size, 0) < 0 || ftruncate(fd, (off_t)size))
        log_warn("%s: cannot be written: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status claim_take(struct claim *claim, const char *folder)
{
    char path[FILE_PATH_MAX];
    *claim = (struct claim){.made = 0};
    if (strlen(folder) >= sizeof claim->folder)
        return status_set(STATUS_CHECKPOINT, "the path of the output folder %.60s... is too long", folder);
    strcpy(claim->folder, folder);
    claim->made = first_missing(folder);
    enum status status = place(claim, ".lock", path);
    bool again = true;
    for (size_t i = 0; i < TAKE_TRIES && !status && again; i++)
        status = try_take(claim, path, &again);
    if (!status && again)
        status = status_set(STATUS_CHECKPOINT, "%s: cannot be locked: it is removed all the time", path);
    if (status)
        remove_made(claim);
    return status;
}

enum status claim_mark(struct claim *claim)
{
    char path[FILE_PATH_MAX], text[TEXT_MAX];
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return status_set(STATUS_INTERNAL, "no random numbers: %s", strerror(errno));
    enum status status = place(claim, ".owner", path);
    if (status)
        return status;
    snprintf(claim->token, sizeof claim->token, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    return file_put(path, text, write_holder(claim, text), STATUS_CHECKPOINT);
}

enum status claim_check(struct claim *claim)
{
    char path[FILE_PATH_MAX], text[TEXT_MAX], name[TEXT_MAX];
    if (!claim || !claim->token[0])
        return STATUS_OK;
    enum status status = place(claim, ".owner", path);
    if (status)
        return status;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error = fd < 0 ? errno : read_text(fd, text);
    if (fd >= 0)
        close(fd);
    if (error)
        return error == ENOENT ? STATUS_OK : file_failure(STATUS_CHECKPOINT, error, "read", path);
    const struct holder holder = parse_holder(text);
    if (!strcmp(holder.token, claim->token))
        return STATUS_OK;
    atomic_store(&claim->lost, true);
    name_holder(&holder, name);
    return status_set(
        STATUS_CHECKPOINT,
        "the output folder %s was taken over by another start, %s: this one ends, and leaves it "
        "the folder as it is",
        claim->folder, name);
}

bool claim_lost(const struct claim *claim)
{
    return claim && atomic_load(&claim->lost);
}

static enum status check(void *claim)
{
    return claim_check(claim);
}

struct file_guard claim_guard(struct claim *claim)
{
    return (struct file_guard){check, claim};
}

void claim_release(struct claim *claim)
{
    char path[FILE_PATH_MAX];
    if (!claim->taken)
        return;
    /* Still locked: whoever has opened it meanwhile sees that it is gone. Where the lock was lost it is
     * another's by now. */
    if (!claim_lost(claim) && !place(claim, ".lock", path) && is_still(claim->lock, path))
        unlink(path);
    close(claim->lock);
    claim->taken = false;
    remove_made(claim);
}
