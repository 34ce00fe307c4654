#pragma once
/* HDF5 is one library with one state, and not every build of it may be called by two threads at once. Whoever
 * calls it where another thread may be running (the one that reads samples, the one that writes checkpoints)
 * does so between h5_lock and h5_unlock. Nothing else is waited for in between: no other lock, no other rank,
 * and no disk that is written to. May be nested. */

void h5_lock(void);
void h5_unlock(void);
