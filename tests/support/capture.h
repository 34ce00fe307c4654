#pragma once
/* What the code under test prints. */

/* From here on standard output goes into a file of the scratch folder, which is no terminal. */
void capture_start(void);

/* Back to where it went before; the text, to be freed by the caller. */
char *capture_stop(void);

/* Likewise for standard error. */
void capture_errors_start(void);
char *capture_errors_stop(void);
