#include "train/shared_data.h"

#include "core/log.h"
#include "io/dataset_pack.h"

/* Collective over the node: rank 0's split goes into memory that all of them see. */
static enum status move_split(const struct node *node, struct dataset_split *split,
                              struct node_memory *memory)
{
    bool mine = node->rank == 0;
    enum status status = node_memory_create(memory, node, mine ? dataset_packed_size(split) : 0);
    if (status)
        return status;
    if (mine)
        dataset_pack(split, memory->data);
    dataset_destroy(split);
    node_memory_publish(memory, node);
    return STATUS_OK;
}

/* Of the hosts that cannot share, the first one's first rank says why: it is in the status message. */
static void warn(const struct comm *comm, bool failed)
{
    if (comm_first(comm, failed) == comm->rank)
        log_warn("%s, so that every rank has its own copy of the data", status_message());
}

enum status shared_data_read(struct data_source *source, const char *name, struct dataset_split *split,
                             struct node_memory *memory, bool *found)
{
    const struct node *node = source->node;
    bool share = source->share && node->size > 1, reader = !share || node->rank == 0;
    bool exists = !found, failed = false;
    enum status status = found && reader ? dataset_exists(source->path, name, &exists) : STATUS_OK;
    *split = (struct dataset_split){0};
    *memory = (struct node_memory){.window = MPI_WIN_NULL};
    if (share)
        node_broadcast(node, &exists, sizeof exists);
    if (found)
        *found = exists;
    size_t limit = source->limit ? source->limit : SIZE_MAX;
    if (!status && exists && reader)
        status = dataset_scan(split, source->path, name, true, limit);
    status = comm_agree(source->comm, status);
    if (status)
        goto done;
    if (share && exists)
        failed = move_split(node, split, memory) != STATUS_OK;
    warn(source->comm, failed);
    if (failed)
        source->share = false;
    if (failed && !reader)
        status = dataset_scan(split, source->path, name, true, limit);
    else if (memory->data)
        status = dataset_view(split, memory->data);
    status = comm_agree(source->comm, status);
done:
    if (status)
        shared_data_release(split, memory);
    return status;
}

void shared_data_release(struct dataset_split *split, struct node_memory *memory)
{
    dataset_destroy(split);
    node_memory_destroy(memory);
}
