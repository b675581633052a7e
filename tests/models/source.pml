/* The GSource, a poll nested in its dispatch, and two notifiers: no wake-up is lost.
 *
 * glib may prepare and dispatch without checking. HISTORICAL is the question that was asked once:
 * "does any poll dispatch?", when "does any poll not dispatch?" was meant. COUNTED lets the source
 * count like the polls do, which glib's missing checks upset.
 *
 * holds:
 * fails: -DHISTORICAL
 * fails: -DCOUNTED
 * fails: -DNESTED_NOT_RAISED
 */
short counter;      /* notify_me / 2 */
bool flag;          /* notify_me & 1 */
short source_count; /* instead of it, when COUNTED */
bool dispatching;
bool notified, event;
bool work[2];
bool seen[2];

#ifdef HISTORICAL
#define SLEEPER (!dispatching)
#elif defined(COUNTED)
#define SLEEPER (counter + source_count != 0)
#else
#define SLEEPER (counter != 0 || flag)
#endif

inline source_raise() { d_step { flag = 1; source_count++ } }
inline source_lower() { d_step { flag = 0; source_count-- } }

inline accept()
{
    notified = 0;
    if :: work[0] -> seen[0] = 1 :: else fi;
    if :: work[1] -> seen[1] = 1 :: else fi
}

/* A callback waits for the second notifier's work. */
inline nested_poll()
{
    do
    :: seen[1] -> break
    :: else ->
#ifndef NESTED_NOT_RAISED
        counter++;
#endif
        if
        :: notified
        :: !notified -> event; event = 0
        fi;
#ifndef NESTED_NOT_RAISED
        counter--;
#endif
        accept()
    od
}

active proctype home()
{
    do
    :: seen[0] && seen[1] -> break
    :: else ->
        source_raise();
        if
        :: notified -> skip /* ready when it prepared: never checked */
        :: !notified -> event; event = 0; source_lower() /* the check */
        fi;
        source_lower(); /* the dispatch, whether or not there was a check */
        accept();
        dispatching = 1;
        if :: seen[0] -> nested_poll() :: else fi;
        dispatching = 0
    od
}

proctype notifier(byte i)
{
    work[i] = 1;
    notified = 1;
    if
    :: SLEEPER -> event = 1
    :: else
    fi
}

init { atomic { run notifier(0); run notifier(1) } }
