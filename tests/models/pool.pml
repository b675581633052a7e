/* The thread pool (aio/threadpool.c): each job completes once, cancelled or not, and a completion
 * that waits for the others in a nested poll gets them.
 *
 * holds:
 * fails: -DCANCEL_ANY
 * fails: -DNO_RESCHEDULE
 * fails: -DSCHEDULE_BEFORE_LISTING
 */
#define JOBS 2
#define QUEUED 0
#define RUNNING 1
#define FINISHED 2

bool lock, scheduled;
byte state[JOBS], completed[JOBS];
chan queued = [JOBS] of { byte };
chan finished = [4] of { byte };
byte pending = JOBS;

inline take() { atomic { !lock -> lock = 1 } }
inline give() { lock = 0 }

inline finish(j)
{
#ifdef SCHEDULE_BEFORE_LISTING
    give();
    scheduled = 1;
    take();
    finished ! j
#else
    finished ! j;
    scheduled = 1
#endif
}

active [2] proctype worker()
{
    byte job;
end:
    do
    :: atomic { !lock && nempty(queued) -> lock = 1; queued ? job };
        if
        :: state[job] != QUEUED -> give() /* was taken back */
        :: else ->
            state[job] = RUNNING;
            give();
            skip; /* the work */
            take();
            state[job] = FINISHED;
            finish(job);
            give()
        fi
    od
}

/* One run of the bottom half; the first completion of all waits for the rest inside itself. */
inline bottom_half(job, got)
{
    scheduled; scheduled = 0;
    do
    :: take();
        if
        :: nempty(finished) -> finished ? job; got = 1
        :: empty(finished) -> got = 0
        fi;
#ifndef NO_RESCHEDULE
        if :: nempty(finished) -> scheduled = 1 :: empty(finished) fi;
#endif
        give();
        if
        :: !got -> break
        :: else ->
            completed[job]++;
            assert(completed[job] == 1);
            pending--;
            if :: depth == 0 && pending > 0 -> depth = 1; break :: else fi
        fi
    od
}

active proctype home()
{
    byte job, depth;
    bool got;

    queued ! 0;
    queued ! 1;
    if /* takes the second one back, or not */
    :: take();
        if
#ifdef CANCEL_ANY
        :: state[1] != FINISHED -> state[1] = FINISHED; finish(1)
#else
        :: state[1] == QUEUED -> state[1] = FINISHED; finish(1)
#endif
        :: else
        fi;
        give()
    :: skip
    fi;
    do
    :: pending == 0 -> break
    :: else -> bottom_half(job, got) /* at depth 1: the nested poll */
    od
}
