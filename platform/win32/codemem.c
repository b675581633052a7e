#include "platform/codemem.h"

#include <assert.h>

#include <windows.h>

#include "platform/memory.h"
#include "platform/win32/fail.h"

static bool views_map(struct codemem *code, HANDLE section, size_t size)
{
    void *rw = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, size);
    if (!rw) {
        return false;
    }
    void *rx = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, size);
    if (!rx) {
        DWORD number = GetLastError();
        UnmapViewOfFile(rw);
        SetLastError(number);
        return false;
    }
    *code = (struct codemem){ .rw = rw, .rx = rx, .size = size };
    return true;
}

bool codemem_create(struct codemem *code, size_t size, GError **error)
{
    size_t page = host_page_size();
    assert(size > 0 && size <= PTRDIFF_MAX - page);
    size = (size + page - 1) / page * page;
    HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE,
                                        (DWORD)(size >> 32), (DWORD)size, NULL);
    bool mapped = section && views_map(code, section, size);
    DWORD number = GetLastError();
    if (section) {
        CloseHandle(section); /* the views keep it */
    }
    if (!mapped) {
        return host_fail(error, number, "this host refuses %zu KiB for generated code", size >> 10);
    }
    return true;
}

void codemem_destroy(struct codemem *code)
{
    if (code->rw) {
        UnmapViewOfFile(code->rw);
        UnmapViewOfFile(code->rx);
    }
    *code = (struct codemem){ 0 };
}

bool codemem_announce(const char *path, GError **error)
{
    return host_fail(error, ERROR_NOT_SUPPORTED, "perf, which would read %s, is Linux's", path);
}

void codemem_publish(struct codemem *code, size_t offset, size_t size)
{
    assert(offset <= code->size && size <= code->size - offset);
    FlushInstructionCache(GetCurrentProcess(), code->rx + offset, size);
}
