#include "emu/block/qcow2/qcow2.h"

#include <assert.h>

unsigned qcow2_enter(struct qcow2 *q)
{
    q->grace.inside[q->grace.now]++;
    return q->grace.now;
}

void qcow2_leave(struct qcow2 *q, unsigned token)
{
    assert(q->grace.inside[token] > 0);
    if (--q->grace.inside[token] == 0) {
        co_queue_restart_all(&q->grace.empty);
    }
}

/* Only commits wait here, one at a time: the other side is empty when a wait begins. */
void qcow2_wait_grace(struct qcow2 *q)
{
    unsigned old = q->grace.now;
    assert(q->grace.inside[!old] == 0);
    q->grace.now = !old;
    while (q->grace.inside[old] > 0) {
        co_queue_wait(&q->grace.empty, NULL);
    }
}

static struct allocation *allocation_over(struct qcow2 *q, uint64_t first, uint64_t count)
{
    struct allocation *found = NULL;
    for (struct allocation *at = q->allocations; at != NULL; at = at->next) {
        if (at->first < first + count && first < at->first + at->count &&
            (found == NULL || at->first < found->first)) {
            found = at;
        }
    }
    return found;
}

uint64_t qcow2_wait_allocations(struct qcow2 *q, uint64_t first, uint64_t count)
{
    struct allocation *over;
    while ((over = allocation_over(q, first, count)) != NULL) {
        if (over->first > first) {
            return over->first - first;
        }
        co_queue_wait(&over->waiting, &q->lock);
    }
    return count;
}

void qcow2_allocation_begin(struct qcow2 *q, struct allocation *allocation)
{
    co_queue_init(&allocation->waiting);
    allocation->next = q->allocations;
    q->allocations = allocation;
}

void qcow2_allocation_end(struct qcow2 *q, struct allocation *allocation)
{
    struct allocation **at = &q->allocations;
    while (*at != allocation) {
        at = &(*at)->next;
    }
    *at = allocation->next;
    co_queue_restart_all(&allocation->waiting);
}
