/* A blocking poll with a timer, on a host whose waits may end early: no early answer, no timer
 * before its time.
 *
 * The host may end a wait before its time, for no reason, twice. Somebody kicks (work that is taken
 * back again), and may ask.
 *
 * holds:
 * fails: -DNO_SECOND_WAIT
 * fails: -DTRUST_THE_HOST
 * fails: -DKICK_IS_ASK
 */
#define DEADLINE 3

byte now, early_left = 2;
bool event, kicked, asked;
byte notify_me;
bool really_asked;
bool armed = 1;

active proctype poll()
{
    bool progress, was_asked, timed_out;

again:
    timed_out = 0;
    notify_me++;
    if
    :: kicked || (armed && now >= DEADLINE)
    :: else ->
        if
        :: event -> event = 0
        :: now >= DEADLINE -> timed_out = 1
        :: early_left > 0 -> early_left--; timed_out = 1
        fi
    fi;
    notify_me--;
    d_step { was_asked = asked; asked = 0;
#ifdef KICK_IS_ASK
             was_asked = was_asked || kicked;
#endif
             kicked = 0 };
    if
#ifdef TRUST_THE_HOST
    :: armed && (timed_out || now >= DEADLINE) ->
#else
    :: armed && now >= DEADLINE ->
#endif
        assert(now >= DEADLINE);
        armed = 0; progress = 1
    :: else
    fi;
#ifndef NO_SECOND_WAIT
    if :: !progress && !was_asked -> goto again :: else fi;
#endif
#ifdef KICK_IS_ASK
    assert(progress || really_asked);
#else
    assert(progress || was_asked)
#endif
}

active proctype clock()
{
    do :: now < DEADLINE -> now++ :: else -> break od
}

active proctype other()
{
    kicked = 1;
    if :: notify_me > 0 -> event = 1 :: else fi;
    if
    :: skip
    :: d_step { asked = 1; kicked = 1;
#ifdef KICK_IS_ASK
                really_asked = 1;
#endif
              };
       if :: notify_me > 0 -> event = 1 :: else fi
    fi
}
