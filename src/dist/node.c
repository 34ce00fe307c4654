#include "dist/node.h"

#include "dist/watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ALIGNMENT = 64, SPARE = 1 << 20 }; /* bytes; spare: what MPI puts beside it */

static void count_nodes(struct node *node, const struct comm *comm)
{
    int first = node->rank == 0;
    MPI_Exscan(&first, &node->index, 1, MPI_INT, MPI_SUM, comm->world);
    if (comm->rank == 0)
        node->index = 0;
    MPI_Allreduce(&first, &node->count, 1, MPI_INT, MPI_SUM, comm->world);
}

void node_create(struct node *node, const struct comm *comm)
{
    *node = (struct node){.comm = MPI_COMM_NULL, .size = 1, .count = 1, .watch = comm->watch};
    if (comm->world == MPI_COMM_NULL)
        return;
    enum watch_phase before = watch_wait_begin(node->watch);
    MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node->comm);
    MPI_Comm_rank(node->comm, &node->rank);
    MPI_Comm_size(node->comm, &node->size);
    count_nodes(node, comm);
    watch_wait_end(node->watch, before);
    node_broadcast(node, &node->index, sizeof node->index);
}

void node_destroy(struct node *node)
{
    if (node->comm != MPI_COMM_NULL)
        MPI_Comm_free(&node->comm);
    *node = (struct node){.comm = MPI_COMM_NULL, .size = 1, .count = 1};
}

void node_broadcast(const struct node *node, void *data, int bytes)
{
    if (node->size == 1)
        return;
    enum watch_phase before = watch_wait_begin(node->watch);
    MPI_Bcast(data, bytes, MPI_BYTE, 0, node->comm);
    watch_wait_forget(node->watch, before);
}

/* Rank 0's status and message become those of all. */
static enum status follow(const struct node *node, enum status status)
{
    struct {
        enum status status;
        char text[STATUS_MESSAGE_MAX];
    } message = {.status = status};
    if (status)
        strcpy(message.text, status_message());
    node_broadcast(node, &message, sizeof message);
    return message.status ? status_set(message.status, "%s", message.text) : STATUS_OK;
}

/* Where the memory of windows is kept: Open MPI's setting, which it could be asked for (MPI_T) but takes
 * tenths of a second to answer; else what Open MPI and others take. */
static const char *find_folder(void)
{
    const char *set = getenv("OMPI_MCA_osc_sm_backing_directory"), *temporary = getenv("TMPDIR");
    if (set)
        return set;
    return !access("/dev/shm", W_OK) ? "/dev/shm" : temporary ? temporary : "/tmp";
}

static enum status no_room(size_t bytes, const char *folder)
{
    return status_set(STATUS_INTERNAL, "there is no room for %.1f MiB of shared memory in %s",
                      (double)bytes / (1 << 20), folder);
}

/* Open MPI 4 hangs where there is no room: its rank 0 returns with an error, and the others wait for it. So
 * this is looked into first. */
static enum status check_room(size_t bytes)
{
    const char *folder = find_folder();
    struct statvfs info;
    if (statvfs(folder, &info))
        return status_set(STATUS_INTERNAL, "shared memory cannot be had: %s: %s", folder, strerror(errno));
    double room = (double)info.f_bavail * (double)info.f_frsize;
    return (double)bytes + SPARE > room ? no_room(bytes, folder) : STATUS_OK;
}

/* Takes the pages now: later, where somebody else was faster, writing to one would kill the process. Kernels
 * before 5.14 cannot be asked to. */
static enum status take_pages(void *data, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)data / page * page;
    if (madvise((void *)start, (uintptr_t)data + bytes - start, MADV_POPULATE_WRITE) && errno != EINVAL)
        return status_set(STATUS_INTERNAL, "%.1f MiB of shared memory are taken by somebody else meanwhile",
                          (double)bytes / (1 << 20));
#else
    (void)data, (void)bytes;
#endif
    return STATUS_OK;
}

/* With errors that come back instead of ending the job. */
static enum status allocate(const struct node *node, size_t bytes, void **base, MPI_Win *window)
{
    MPI_Errhandler handler;
    enum watch_phase before = watch_wait_begin(node->watch);
    MPI_Comm_get_errhandler(node->comm, &handler);
    MPI_Comm_set_errhandler(node->comm, MPI_ERRORS_RETURN);
    int failed = MPI_Win_allocate_shared(node->rank == 0 ? (MPI_Aint)bytes : 0, 1, MPI_INFO_NULL, node->comm,
                                         base, window) != MPI_SUCCESS;
    MPI_Comm_set_errhandler(node->comm, handler);
    MPI_Errhandler_free(&handler);
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, node->comm);
    watch_wait_forget(node->watch, before);
    return failed ? status_set(STATUS_INTERNAL, "MPI cannot share memory between the ranks of a host")
                  : STATUS_OK;
}

enum status node_memory_create(struct node_memory *memory, const struct node *node, size_t bytes)
{
    size_t all = bytes + ALIGNMENT, offset = 0;
    MPI_Aint size;
    int unit;
    void *base = NULL;
    *memory = (struct node_memory){.window = MPI_WIN_NULL, .watch = node->watch};
    enum status status = follow(node, node->rank == 0 ? check_room(all) : STATUS_OK);
    if (!status)
        status = allocate(node, all, &base, &memory->window);
    if (status) {
        memory->window = MPI_WIN_NULL;
        return status;
    }
    MPI_Win_lock_all(MPI_MODE_NOCHECK, memory->window);
    MPI_Win_shared_query(memory->window, 0, &size, &unit, &base);
    if (node->rank == 0)
        offset = (ALIGNMENT - (uintptr_t)base % ALIGNMENT) % ALIGNMENT;
    node_broadcast(node, &offset, sizeof offset);
    memory->data = (char *)base + offset;
    status = follow(node, node->rank == 0 ? take_pages(memory->data, bytes) : STATUS_OK);
    if (status)
        node_memory_destroy(memory);
    return status;
}

void node_memory_publish(const struct node_memory *memory, const struct node *node)
{
    enum watch_phase before = watch_wait_begin(node->watch);
    MPI_Win_sync(memory->window);
    MPI_Barrier(node->comm);
    MPI_Win_sync(memory->window);
    watch_wait_forget(node->watch, before);
}

void node_memory_destroy(struct node_memory *memory)
{
    if (memory->data) {
        enum watch_phase before = watch_wait_begin(memory->watch);
        MPI_Win_unlock_all(memory->window);
        MPI_Win_free(&memory->window);
        watch_wait_forget(memory->watch, before);
    }
    *memory = (struct node_memory){.window = MPI_WIN_NULL};
}
