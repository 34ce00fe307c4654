#include "dist/core_set.h"

#include <hwloc.h>
#include <omp.h>
#include <stdlib.h>

/* Cores and nothing else; those that are not open to us too, so that every process counts alike. */
static hwloc_topology_t load(void)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology))
        return NULL;
    if (hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) ||
        hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE) ||
        hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) ||
        hwloc_topology_load(topology)) {
        hwloc_topology_destroy(topology);
        return NULL;
    }
    return topology;
}

/* Where OpenMP binds threads to places, they are all that the process may run on, its present thread on one
 * of them. */
static bool openmp_places(hwloc_bitmap_t cpus)
{
    int places = omp_get_proc_bind() == omp_proc_bind_false ? 0 : omp_get_num_places();
    hwloc_bitmap_zero(cpus);
    for (int place = 0; place < places; place++) {
        int count = omp_get_place_num_procs(place);
        int *ids = malloc((size_t)(count > 0 ? count : 1) * sizeof *ids);
        if (ids)
            omp_get_place_proc_ids(place, ids);
        for (int i = 0; ids && i < count; i++)
            hwloc_bitmap_set(cpus, (unsigned)ids[i]);
        free(ids);
    }
    return !hwloc_bitmap_iszero(cpus);
}

/* The cores of which some hardware thread is in the bitmap. Where hwloc sees no cores, hardware threads count
 * as such. */
static struct core_set cores_of(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_const_bitmap_t cpus)
{
    struct core_set set = {{0}};
    hwloc_obj_t object = NULL;
    for (size_t i = 0; (object = hwloc_get_next_obj_by_type(topology, type, object)); i++)
        if (hwloc_bitmap_intersects(object->cpuset, cpus))
            core_set_add(&set, i);
    return set;
}

enum status core_set_find(struct core_set *mine, struct core_set *open, size_t *threads_per_core)
{
    enum status status = STATUS_OK;
    hwloc_topology_t topology = load();
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    if (!topology || !cpus ||
        (!openmp_places(cpus) && hwloc_get_cpubind(topology, cpus, HWLOC_CPUBIND_THREAD))) {
        status = status_set(STATUS_INTERNAL, "hwloc does not tell which cores this process may run on");
        goto done;
    }
    int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    hwloc_obj_type_t type = cores > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    *mine = cores_of(topology, type, cpus);
    *open = cores_of(topology, type, hwloc_topology_get_allowed_cpuset(topology));
    *threads_per_core = cores > 0 && all > cores ? (size_t)(all / cores) : 1;
done:
    hwloc_bitmap_free(cpus);
    if (topology)
        hwloc_topology_destroy(topology);
    return status;
}
