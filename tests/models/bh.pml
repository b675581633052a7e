/* A bottom half's life (aio/bh.c): the queue with its gap, the flags, and delete. Whatever is
 * scheduled runs, is queued once at a time, and is not touched after it was freed.
 *
 * Node 0 is the queue's stub; 1 and 2 are bottom halves, scheduled by a thread each, 1 twice and
 * deleted at the end by its own callback's thread.
 *
 * holds:
 * fails: -DKICK_BEFORE_LINK
 * fails: -DCLEAR_AFTER_RUN
 * fails: -DFREE_AT_ONCE
 * fails: -DPUSH_ALWAYS
 */
#define NONE 3

byte next[3] = { NONE, NONE, NONE };
byte newest, oldest;
bool pending[3], scheduled[3], deleted[3], freed[3];
byte wanted[3]; /* schedules that no run has answered yet */
bool kicked;
byte finished;

inline push(n, before)
{
    next[n] = NONE;
    d_step { before = newest; newest = n };
#ifdef KICK_BEFORE_LINK
    kicked = 1;
#endif
    next[before] = n
}

/* Flags change in one step, as one word does. */
inline enqueue(n, del, was, before)
{
    d_step {
        assert(!freed[n]);
        was = pending[n]; pending[n] = 1;
        if :: del -> deleted[n] = 1 :: else -> scheduled[n] = 1; wanted[n]++ fi
    };
    if
#ifdef PUSH_ALWAYS
    :: true -> push(n, before)
#else
    :: !was -> push(n, before)
    :: else
#endif
    fi;
#ifndef KICK_BEFORE_LINK
    kicked = 1
#endif
}

/* One node out of the queue; NONE if there is none that is linked. */
inline pop(node, after, before)
{
    node = oldest;
    after = next[node];
    if
    :: node == 0 && after == NONE -> node = NONE
    :: node == 0 && after != NONE -> oldest = after; node = after; after = next[node]
    :: else
    fi;
    if
    :: node != NONE && after == NONE && node != newest -> node = NONE /* the gap */
    :: node != NONE && after == NONE && node == newest ->
        push(0, before);
        after = next[node];
        if :: after == NONE -> node = NONE :: else -> oldest = after fi
    :: node != NONE && after != NONE -> oldest = after
    :: else
    fi
}

active proctype home()
{
    byte node, after, before;
    bool runs;

    do
    :: finished == 2 && wanted[1] == 0 && wanted[2] == 0 && freed[1] -> break
    :: kicked ->
        kicked = 0;
        do
        :: pop(node, after, before);
            if
            :: node == NONE -> break
            :: else ->
                assert(!freed[node]);
                d_step {
                    runs = scheduled[node] && !deleted[node];
#ifndef CLEAR_AFTER_RUN
                    pending[node] = 0; scheduled[node] = 0;
#endif
                    if :: runs -> wanted[node] = 0 :: else fi
                };
                if :: runs -> skip /* the callback: anything may happen meanwhile */ :: else fi;
#ifdef CLEAR_AFTER_RUN
                d_step { pending[node] = 0; scheduled[node] = 0 };
#endif
                if :: deleted[node] && !runs -> freed[node] = 1; wanted[node] = 0 :: else fi
            fi
        od
    od
}

proctype first()
{
    byte before;
    bool was;

    enqueue(1, 0, was, before);
    enqueue(1, 0, was, before);
    wanted[1] == 0;
    enqueue(1, 1, was, before);
#ifdef FREE_AT_ONCE
    freed[1] = 1;
#endif
    finished++
}

proctype second()
{
    byte before;
    bool was;

    enqueue(2, 0, was, before);
    finished++
}

init { atomic { run first(); run second() } }
