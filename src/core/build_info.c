#include "core/build_info.h"

#include "build_values.h"

#include <cblas.h>

const char *build_version(void)
{
    return CNN_VERSION;
}

const char *build_commit(void)
{
    return BUILD_COMMIT;
}

const char *build_compiler(void)
{
    return BUILD_COMPILER;
}

const char *build_flags(void)
{
    return BUILD_FLAGS;
}

const char *build_blas(void)
{
    return openblas_get_config();
}
