#pragma once
/* Who may write to the output folder of a run. Two things, because each is blind where the other sees:
 *
 *   FOLDER/.lock     locked by the kernel as long as the run's process lives, so that a second run is refused
 *                    and a killed one leaves nothing to clear away. Holds host, pid and date for the refusal.
 *   FOLDER/.owner    the token of the start that has the folder, written whole at its begin. A process that
 *                    lost its lock with its node, or whose file system has no locks, finds another's token
 *                    there before it renames anything, and stops.
 *
 * The lock is an open file description's (fcntl, F_OFD_SETLK): NFS carries it to the server, nothing else in
 * the process can drop it by closing the file, and what the process executes does not inherit it. */
#include "io/file.h"

#include <stdatomic.h>

struct claim { /* zero-initialised: nothing is claimed, and nothing forbidden */
    char folder[FILE_PATH_MAX];
    bool taken;
    int lock;         /* descriptor of .lock, where taken */
    size_t made;      /* length of the first folder of the path that was not there before; 0: all were */
    char token[33];   /* 32 hexadecimal digits; "" before claim_mark */
    atomic_bool lost; /* claim_check has seen the token of another start */
};

/* Makes the folder where it is missing, and locks it. STATUS_CHECKPOINT: it cannot be made, or another
 * process holds it, which the message names; nothing is changed then. A file system without locks: only a
 * warning. */
enum status claim_take(struct claim *claim, const char *folder);

/* Puts a new token into the folder, whoever's was there. */
enum status claim_mark(struct claim *claim);

/* STATUS_CHECKPOINT where the folder has the token of another start, which the message names, or where that
 * cannot be read. No token in the folder is nobody's. `claim` NULL or not marked: always OK. From any thread,
 * while no other function here is at work. */
enum status claim_check(struct claim *claim);

/* Whether claim_check found another's token, ever: the run has no folder any more and must end, other than
 * after a write that failed. `claim` may be NULL. */
bool claim_lost(const struct claim *claim);

/* For file_put_guarded: claim_check. */
struct file_guard claim_guard(struct claim *claim);

/* Gives the folder up, and removes what claim_take made of it where nothing was written into it. Does nothing
 * where nothing is taken. */
void claim_release(struct claim *claim);
