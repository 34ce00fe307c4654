#pragma once
/* How OpenMP's threads wait for each other. libgomp lets them spin for milliseconds: where another program
 * wants the same cores, the one that is waited for is then kept from running, and training takes ten times as
 * long. A short spin costs nothing measurable where the cores are free. */

/* First thing in main: where the environment says nothing of it (OMP_WAIT_POLICY, GOMP_SPINCOUNT), says it
 * and starts the program anew, since libgomp reads its environment before main. Returns where there is
 * nothing to do, or where it cannot be done. */
void threads_prepare(char **argv);
