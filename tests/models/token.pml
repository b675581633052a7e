/* The wake token of aio-win32/port.c: at most one packet in the port, and none missing.
 *
 * holds:
 * fails: -DCLEAR_BEFORE_SLEEP
 * fails: -DCLEAR_ALWAYS
 * fails: -DNO_TOKEN
 */
bool posted, notified, notify_me, reply;
byte packets, others; /* wakes in the port, and packets of another kind */
bool work[2];

active proctype home()
{
    byte seen;
    bool late;

    do
    :: seen == 3 -> break
    :: else ->
        notify_me = 1;
        if
        :: notified
        :: !notified ->
#ifdef CLEAR_BEFORE_SLEEP
            posted = 0;
#endif
            if
            :: packets > 0 -> packets--;
#ifndef CLEAR_BEFORE_SLEEP
                posted = 0
#endif
            :: others > 0 -> others--;
#ifdef CLEAR_ALWAYS
                posted = 0
#endif
            fi
        fi;
        notify_me = 0;
        notified = 0;
        if :: work[0] -> seen = seen | 1 :: else fi;
        if :: work[1] -> seen = seen | 2 :: else fi
    od
}

proctype waker(byte i)
{
    bool before;

    work[i] = 1;
    notified = 1;
    if
    :: notify_me ->
#ifdef NO_TOKEN
        before = 0;
#else
        d_step { before = posted; posted = 1 };
#endif
        if
        :: !before -> d_step { packets++; assert(packets <= 1) }
        :: else
        fi
    :: else
    fi
}

/* Something else completes meanwhile. */
proctype device() { others++ }

init { atomic { run waker(0); run waker(1); run device() } }
