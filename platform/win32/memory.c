/*
 * The section is committed as a whole. Windows then only promises the pages (the commit limit is
 * charged, which is checked here and not in the middle of a run) and finds memory for one when it
 * is first touched, so 8 GiB start at once. A reserved section (SEC_RESERVE) would not even be
 * charged, but the kernel refuses to read a file into pages that no fault handler of ours can see.
 */
#include "platform/memory.h"

#include <assert.h>
#include <string.h>

#include <windows.h>

#include "platform/win32/fail.h"

size_t host_page_size(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

uint64_t host_memory_total(void)
{
    MEMORYSTATUSEX status = { .dwLength = sizeof(status) };
    return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : 0;
}

bool host_memory_create(struct host_memory *memory, const char *name, size_t size, GError **error)
{
    size_t page = host_page_size();
    assert(name && size > 0);
    if (size > (size_t)INT64_MAX - page) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE, "%zu bytes of memory are too many",
                              size);
    }
    size = (size + page - 1) / page * page;
    HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_COMMIT,
                                        (DWORD)(size >> 32), (DWORD)size, NULL);
    if (!section) {
        return host_fail(error, GetLastError(), "cannot make %zu MiB of memory", size >> 20);
    }
    void *base = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, size);
    if (!base) {
        host_fail(error, GetLastError(), "cannot map %zu MiB of memory", size >> 20);
        CloseHandle(section);
        return false;
    }
    *memory = (struct host_memory){ .base = base, .size = size, .object = (intptr_t)section };
    return true;
}

void host_memory_destroy(struct host_memory *memory)
{
    host_memory_thaw(memory);
    if (memory->base) {
        UnmapViewOfFile(memory->base);
        CloseHandle((HANDLE)memory->object);
    }
    *memory = (struct host_memory){ 0 };
}

/* The system can copy pages that are written, but only into a view at another place. So all that is
 * not zero is copied at once. */
bool host_memory_freeze(struct host_memory *memory, GError **error)
{
    host_memory_thaw(memory);
    uint8_t *view = VirtualAlloc(NULL, memory->size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!view) {
        return host_fail(error, GetLastError(), "cannot keep %zu MiB of memory as it is",
                         memory->size >> 20);
    }
    size_t page = host_page_size();
    for (size_t at = 0; at < memory->size; at += page) {
        const uint8_t *from = memory->base + at;
        if (from[0] != 0 || memcmp(from, from + 1, page - 1) != 0) {
            memcpy(view + at, from, page);
        }
    }
    memory->frozen = view;
    return true;
}

bool host_memory_thaw(struct host_memory *memory)
{
    if (memory->frozen) {
        VirtualFree(memory->frozen, 0, MEM_RELEASE);
        memory->frozen = NULL;
    }
    return true;
}

/* A view that copies what is written would have to be at another place, and sections have no holes
 * that could tell which pages changed. */
bool host_memory_can_part(GError **error)
{
    return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                          "Windows cannot share memory with a twin of the machine");
}

bool host_memory_part(struct host_memory *memory, intptr_t *ret_changes, GError **error)
{
    (void)memory;
    *ret_changes = -1;
    return host_memory_can_part(error);
}

bool host_memory_adopt(struct host_memory *memory, intptr_t object, intptr_t changes,
                       GError **error)
{
    (void)memory, (void)object, (void)changes;
    return host_memory_can_part(error);
}

bool host_memory_rejoin(struct host_memory *memory)
{
    assert(!memory->apart);
    return true;
}

void host_memory_close_object(intptr_t object)
{
    assert(object < 0);
}

size_t host_memory_next_data(const struct host_memory *memory, size_t offset)
{
    assert(offset <= memory->size);
    return offset; /* the system does not say which pages of a section are untouched */
}

/* Pages of a section cannot be decommitted. Zeroed and unlocked, they leave the working set. */
void host_memory_discard(struct host_memory *memory, size_t offset, size_t size)
{
    assert(offset <= memory->size && size <= memory->size - offset);
    size_t page = host_page_size();
    size_t first = (offset + page - 1) / page * page;
    size_t end = (offset + size) / page * page;
    if (first < end) {
        memset(memory->base + first, 0, end - first);
        VirtualUnlock(memory->base + first, end - first);
    }
}
