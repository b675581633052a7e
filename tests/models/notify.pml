/* The notify protocol of aio/poll.c on a machine with store buffers: no wake-up is lost.
 *
 * One thread polls until it has seen the work of two others. A store waits in its thread's buffer
 * until a fence or until the machine gets to it. A poller that sleeps for ever is an end state
 * that Spin reports.
 *
 * `waking` is what the watchdog goes by: who is notified, sleeps on and was woken by nobody has
 * lost a wake-up. It never says so of a host that is only slow.
 *
 * holds:
 * fails: -DNO_FENCE_IN_NOTIFY
 * fails: -DNO_FENCE_IN_POLL
 * fails: -DACCEPT_AFTER_READING
 * fails: -DNO_RECHECK
 * fails: -DLOWER_TOO_EARLY
 * fails: -DCLEAR_WAKING_LATE
 */
#define OTHERS 2

byte notify_me;
bool notified, event;
bool work[OTHERS];
bool waking, sleeping;
byte done;                        /* notifiers */

bool poll_buffered, poll_value;   /* the poller's store to notify_me */
bool other_buffered[OTHERS];      /* a notifier's store to notified */

#define DRAIN_POLL \
    d_step { if :: poll_buffered -> notify_me = poll_value; poll_buffered = 0 :: else fi }
#define DRAIN_OTHER(i) \
    d_step { if :: other_buffered[i] -> notified = 1; other_buffered[i] = 0 :: else fi }

active proctype poller()
{
    byte seen;
    bool took;

    do
    :: seen == 3 -> break
    :: else ->
#ifndef CLEAR_WAKING_LATE
        waking = 0;
#endif
        d_step { poll_value = 1; poll_buffered = 1 };
#ifndef NO_FENCE_IN_POLL
        DRAIN_POLL;
#endif
#ifdef LOWER_TOO_EARLY
        DRAIN_POLL; notify_me = 0;
#endif
#ifdef NO_RECHECK
        event; event = 0;
#else
        if
        :: notified
        :: !notified ->
#ifdef CLEAR_WAKING_LATE
            waking = 0;
#endif
            sleeping = 1; event; event = 0; sleeping = 0
        fi;
#endif
        DRAIN_POLL;
        notify_me = 0;
#ifndef ACCEPT_AFTER_READING
        notified = 0;
#endif
        if :: work[0] -> seen = seen | 1 :: else fi;
        if :: work[1] -> seen = seen | 2 :: else fi;
#ifdef ACCEPT_AFTER_READING
        notified = 0;
#endif
    od
}

proctype notifier(byte i)
{
    work[i] = 1;
    other_buffered[i] = 1;
#ifndef NO_FENCE_IN_NOTIFY
    DRAIN_OTHER(i);
#endif
    if
    :: notify_me -> waking = 1; event = 1
    :: else
    fi;
    done++
}

/* However long it looks, and however slow the poller is. */
proctype watchdog()
{
end:
    do
    :: atomic { done == OTHERS && sleeping && notified && !waking -> assert(false) }
    od
}

/* Stores reach memory some time. */
proctype machine()
{
end:
    do
    :: poll_buffered -> DRAIN_POLL
    :: other_buffered[0] -> DRAIN_OTHER(0)
    :: other_buffered[1] -> DRAIN_OTHER(1)
    od
}

init { atomic { run notifier(0); run notifier(1); run machine(); run watchdog() } }
