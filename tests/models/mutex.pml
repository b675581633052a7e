/* co_mutex (aio/colock.c): one holder at a time, handed over in the order of asking, nobody left.
 *
 * holds:
 * fails: -DUNLOCK_IGNORES_WAITERS
 * fails: -DQUEUE_AFTER_GUARD
 * fails: -DWAKE_INSTEAD_OF_HAND
 */
#define FREE 0
#define HELD 1
#define WANTED 2
#define COROUTINES 3

byte state, inside;
bool guard;
chan waiters = [COROUTINES] of { byte };
bool given[COROUTINES];
byte asked_last, served_last; /* order numbers of those who queued */
byte order[COROUTINES];

inline take_guard() { atomic { !guard -> guard = 1 } }
inline give_guard() { guard = 0 }

proctype coroutine(byte me)
{
    byte before, next;

    atomic {
        if
        :: state == FREE -> state = HELD; before = FREE;
            assert(asked_last == served_last) /* nobody is overtaken */
        :: else -> before = HELD
        fi
    };
    if
    :: before != FREE ->
        take_guard();
        d_step { before = state; state = WANTED };
        if
        :: before != FREE ->
#ifdef QUEUE_AFTER_GUARD
            give_guard();
            take_guard();
#endif
            d_step { asked_last++; order[me] = asked_last };
            waiters ! me
        :: else -> if :: empty(waiters) -> state = HELD :: nempty(waiters) fi
        fi;
        give_guard();
        if
        :: before != FREE ->
            given[me];
#ifdef WAKE_INSTEAD_OF_HAND
            atomic { state == FREE -> state = (len(waiters) == 0 -> HELD : WANTED) };
#endif
            d_step { assert(order[me] == served_last + 1); served_last = order[me] }
        :: else
        fi
    :: else
    fi;

    inside++;
    assert(inside == 1);
    inside--;

    atomic {
        before = state;
        if
#ifdef UNLOCK_IGNORES_WAITERS
        :: true -> state = FREE; before = HELD
#else
        :: state == HELD -> state = FREE
        :: else
#endif
        fi
    };
    if
    :: before == WANTED ->
        take_guard();
        if
        :: nempty(waiters) -> waiters ? next;
#ifdef WAKE_INSTEAD_OF_HAND
            state = FREE;
#else
            state = (len(waiters) == 0 -> HELD : WANTED);
#endif
            give_guard();
            given[next] = 1
        :: empty(waiters) -> state = FREE; give_guard()
        fi
    :: else
    fi
}

init { atomic { run coroutine(0); run coroutine(1); run coroutine(2) } }
