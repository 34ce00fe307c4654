/* Limits of control groups, from files as Linux shows them. */
#include "io/host_memory.h"
#include "support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Below the scratch folder, with the folders that it takes. */
static void write_file(const char *name, const char *text)
{
    char path[4096];
    strcpy(path, scratch_path(name));
    for (char *slash = path + strlen(scratch_path("")) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    scratch_write(path, text, strlen(text));
}

static double limit(const char *groups)
{
    write_file("cgroup", groups);
    return host_memory_limit(scratch_path("cgroup"), scratch_path("root"));
}

static void test_version_2(void **state)
{
    (void)state;
    write_file("root/job/memory.max", "3000000\n");
    write_file("root/job/step/memory.max", "max\n");
    write_file("root/small/memory.max", "2000\n");
    assert_true(limit("0::/job/step\n") == 3e6);
    assert_true(limit("0::/job\n") == 3e6);
    assert_true(limit("0::/small/deeper/and/deeper\n") == 2000);
    assert_true(isinf(limit("0::/\n")) && isinf(limit("0::/other\n")));
    write_file("root/memory.max", "1000000\n"); /* as a container sees its own */
    assert_true(limit("0::/\n") == 1e6 && limit("0::/job/step\n") == 1e6);
}

static void test_version_1(void **state)
{
    (void)state;
    write_file("root/memory/slurm/job_7/memory.limit_in_bytes", "500000\n");
    write_file("root/memory/slurm/job_7/step_0/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(limit("12:cpu,cpuacct:/x\n4:memory:/slurm/job_7/step_0\n1:name=systemd:/y\n") == 5e5);
    assert_true(limit("4:hugetlb,memory:/slurm/job_7\n") == 5e5);
    assert_true(limit("4:cpu:/slurm/job_7\n") > 5e5);
}

static void test_what_is_not_one(void **state)
{
    (void)state;
    assert_true(isinf(host_memory_limit(scratch_path("nowhere"), scratch_path("root"))));
    assert_true(isinf(limit("")) && isinf(limit("nothing\n")) && isinf(limit("4:memory\n")));
    write_file("root/odd/memory.max", "-5\n");
    write_file("root/memory.max", "many\n");
    assert_true(isinf(limit("0::/odd\n")));
    assert_true(host_memory() > 1e6 && isfinite(host_memory()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version_2), cmocka_unit_test(test_version_1),
                                       cmocka_unit_test(test_what_is_not_one)};
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
