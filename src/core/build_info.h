#pragma once
/* What this program was built from and with, for --version and for the provenance in checkpoints. */

const char *build_version(void);  /* "0.1.0" */
const char *build_commit(void);   /* as git describe tells it; "unknown" outside of a checkout */
const char *build_compiler(void); /* "GNU 12.2.0" */
const char *build_flags(void);    /* of the compiler */
const char *build_blas(void);     /* the BLAS that runs, with its version: "OpenBLAS 0.3.21 ..." */
