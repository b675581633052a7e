/* A socket on the completion port (aio-win32/port_socket.c): asked, answered, asked again; changed
 * and removed by another thread at any moment. No answer into freed memory, no two questions at
 * once, no event lost.
 *
 * holds:
 * fails: -DFREE_AT_ONCE
 * fails: -DASK_TWICE
 * fails: -DNOT_ASKED_AGAIN
 * fails: -DFREE_WHILE_LISTED
 */
bool lock;
bool alive = 1;      /* the handler */
bool freed;
bool to_arm = 1;     /* on the list of those to be asked */
byte want = 1;       /* bit 0: read, bit 1: write */
byte asked;          /* what the pending question is for, as we know it */
byte question;       /* and as the driver does: gone once it is answered */
bool cancel;
bool packet, packet_events; /* an answer in the port, and whether it says anything */
bool readable, writable;
bool wrote;          /* the handler saw that it can write */
bool kicked;

inline take() { atomic { !lock -> lock = 1 } }
inline give() { lock = 0 }

inline free_unused()
{
    if
#ifdef FREE_AT_ONCE
    :: !alive && !to_arm -> freed = 1
#elif defined(FREE_WHILE_LISTED)
    :: !alive && !asked -> freed = 1
#else
    :: !alive && !asked && !to_arm -> freed = 1
#endif
    :: else
    fi
}

active proctype home()
{
    do
    :: freed && !to_arm && !asked -> break
    :: else ->
        take();
        if
        :: to_arm ->
            assert(!freed);
            to_arm = 0;
            if
#ifdef ASK_TWICE
            :: alive -> assert(!asked); asked = want; question = want
#else
            :: alive && !asked -> asked = want; question = want
#endif
            :: else -> free_unused()
            fi
        :: else
        fi;
        give();
        if
        :: packet ->
            take();
            assert(!freed);
            packet = 0; asked = 0;
            if
            :: !alive -> free_unused()
            :: alive ->
                if :: packet_events && writable && (want & 2) -> wrote = 1 :: else fi;
#ifdef NOT_ASKED_AGAIN
                if :: packet_events -> to_arm = 1 :: else fi
#else
                to_arm = 1
#endif
            fi;
            give()
        :: kicked -> kicked = 0
        :: freed -> skip
        fi
    od
}

/* The socket driver answers a question when it is true, or cancelled; once. */
active proctype driver()
{
end:
    do
    :: atomic { question &&
                (cancel || ((question & 1) && readable) || ((question & 2) && writable)) ->
           assert(!freed);
           packet_events = ((question & 1) && readable) || ((question & 2) && writable);
           question = 0; cancel = 0; packet = 1 }
    od
}

/* First wants to write as well, waits for that to come, then removes the handler. */
active proctype other()
{
    take();
    want = 3;
    d_step { if :: question && !(question & 2) -> cancel = 1 :: else fi };
#ifdef ASK_TWICE
    to_arm = 1;
#endif
    give();
    kicked = 1;
    writable = 1;
    wrote;
    take();
    alive = 0;
    d_step { if :: question -> cancel = 1 :: else fi };
    free_unused();
    give();
    kicked = 1
}
