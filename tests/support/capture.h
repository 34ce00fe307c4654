#pragma once
/* What the code under test prints to standard output. */

/* From here on it goes into a file of the scratch folder, which is no terminal. */
void capture_start(void);

/* Back to where it went before; the text, to be freed by the caller. */
char *capture_stop(void);
