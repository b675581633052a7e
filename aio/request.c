#include "aio/request.h"

#include <assert.h>

#include "aio/loop.h"

static _Atomic uint64_t request_last;

void aio_request_begin_at(struct aio_request *request, struct aio_context *ctx, const char *kind,
                          const char *site)
{
    *request = (struct aio_request){
        .id = atomic_fetch_add_explicit(&request_last, 1, memory_order_relaxed) + 1,
        .kind = kind,
        .site = site,
        .ctx = ctx,
        .began_ns = aio_clock_now_ns(ctx->wait_clock),
    };
    aio_lock_take(&ctx->inspect_lock);
    request->next = ctx->requests;
    request->link = &ctx->requests;
    if (request->next) {
        request->next->link = &request->next;
    }
    ctx->requests = request;
    aio_lock_give(&ctx->inspect_lock);
}

void aio_request_waits_on(struct aio_request *request, enum aio_waits_on on, const void *what)
{
    assert((on == AIO_ON_NOBODY) == (what == NULL));
    aio_lock_take(&request->ctx->inspect_lock);
    request->on = on;
    request->what = what;
    aio_lock_give(&request->ctx->inspect_lock);
}

void aio_request_end(struct aio_request *request)
{
    aio_lock_take(&request->ctx->inspect_lock);
    assert(request->link && "ended twice, or never begun");
    *request->link = request->next;
    if (request->next) {
        request->next->link = request->link;
    }
    request->link = NULL;
    aio_lock_give(&request->ctx->inspect_lock);
}
