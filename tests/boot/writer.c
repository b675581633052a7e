/*
 * A guest for tests of disks, on nothing but the built-in guest's library: it writes records when
 * it is told to on the console, and says what became of each. Lines that it knows: "job FIRST LAST"
 * and "poweroff". failing.py knows the same places and records.
 */
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/trap.h"
#include "demo/uart.h"
#include "demo/virtio.h"

#define LIMIT_US     600000000
#define IDLE_US      1000
#define SECTOR       512u
#define RECORD       16384u
#define PIECE        4096u
#define PIECES       (RECORD / PIECE)
#define PLACES       40u
#define STEP         7u
#define LINE         16u
#define BESIDE       (400u * PIECE) /* what nobody flushes or checks begins here */
#define BESIDE_EACH  (9u * PIECE)
#define QUEUE_CAN    (1ull << 9 | 1ull << 13 | 1ull << 14) /* flush, discard, write zeroes */

enum { BLOCK_IN = 0, BLOCK_OUT = 1, BLOCK_FLUSH = 4, BLOCK_DISCARD = 11, BLOCK_ZEROES = 13 };

struct request {
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    volatile uint8_t status;
};

struct segment {
    uint64_t sector;
    uint32_t count, flags;
};

void main(const void *tree);
void hart_main(void);

extern char bss_end[];

static struct virtio_queue queue;
static struct request requests[PIECES];
static uint8_t record[RECORD], back[RECORD];

/* The others have nothing to do. */
void hart_main(void)
{
}

static void request_add(struct request *request, uint32_t type, uint64_t at, void *data,
                        uint32_t size)
{
    request->header.type = type;
    request->header.sector = at / SECTOR;
    request->status = 0xff;
    struct virtio_part parts[3] = { { &request->header, sizeof(request->header), false } };
    unsigned count = 1;
    if (size > 0) {
        parts[count++] = (struct virtio_part){ data, size, type == BLOCK_IN };
    }
    parts[count++] = (struct virtio_part){ (void *)&request->status, 1, true };
    queue_add(&queue, parts, count);
}

/* Begins what was added, waits for all of it; whether all went well. */
static bool requests_do(unsigned count)
{
    uint64_t deadline = time_after_us(LIMIT_US);
    bool good = true;
    queue_kick(&queue);
    for (unsigned done = 0; done < count && time_now() < deadline;) {
        if (queue_take(&queue, NULL) >= 0) {
            done++;
        } else {
            irq_wait(time_after_us(IDLE_US));
        }
    }
    for (unsigned i = 0; i < count; i++) {
        good = good && requests[i].status == 0;
    }
    return good;
}

static bool request_do(uint32_t type, uint64_t at, void *data, uint32_t size)
{
    request_add(&requests[0], type, at, data, size);
    return requests_do(1);
}

/* In pieces that are on their way at the same time, and flushed. */
static bool record_write(uint64_t at)
{
    for (unsigned i = 0; i < PIECES; i++) {
        request_add(&requests[i], BLOCK_OUT, at + i * PIECE, record + i * PIECE, PIECE);
    }
    return requests_do(PIECES) && request_do(BLOCK_FLUSH, 0, NULL, 0);
}

static bool beside_write(unsigned place)
{
    uint64_t at = BESIDE + place * BESIDE_EACH;
    struct segment gone = { (at + 3 * PIECE) / SECTOR, PIECE / SECTOR, 0 };
    struct segment zeros = { (at + PIECE) / SECTOR, 2 * PIECE / SECTOR, 0 };
    return request_do(BLOCK_OUT, at, record, 4 * PIECE) &&
           request_do(BLOCK_DISCARD, 0, &gone, sizeof(gone)) &&
           request_do(BLOCK_ZEROES, 0, &zeros, sizeof(zeros));
}

static void job_one(unsigned number)
{
    char line[LINE + 1];
    uint64_t at = (uint64_t)(number * STEP % PLACES) * RECORD;
    text_format(line, sizeof(line), "record=%08u\n", number);
    for (unsigned i = 0; i < RECORD; i += LINE) {
        memcpy(record + i, line, LINE);
    }
    bool good = record_write(at);
    print(good ? "done %u.\n" : "failed %u.\n", number);
    if (good && request_do(BLOCK_IN, at, back, RECORD) && memcmp(record, back, RECORD) != 0) {
        print("lost %u.\n", number);
    }
    if (!beside_write(number * STEP % PLACES)) {
        print("failed beside.\n");
    }
}

static unsigned number_read(const char **at)
{
    unsigned number = 0;
    while (**at == ' ') {
        (*at)++;
    }
    while (**at >= '0' && **at <= '9') {
        number = number * 10 + (unsigned)(*(*at)++ - '0');
    }
    return number;
}

static void line_obey(const char *line)
{
    if (text_starts(line, "poweroff")) {
        machine_poweroff(true);
    }
    if (text_starts(line, "job")) {
        const char *at = line + 3;
        unsigned first = number_read(&at), last = number_read(&at);
        for (unsigned number = first; number <= last; number++) {
            job_one(number);
        }
        print("job over.\n");
    }
}

static void line_read(char *line, size_t size)
{
    size_t length = 0;
    for (;;) {
        int c = uart_get();
        if (c == '\n' || c == '\r') {
            line[length] = '\0';
            return;
        }
        if (c >= 0 && length + 1 < size) {
            line[length++] = (char)c;
        } else if (c < 0) {
            irq_wait(time_after_us(IDLE_US));
        }
    }
}

static bool disk_open(void)
{
    struct virtio dev;
    if (!virtio_open(&dev, VIRTIO_BLOCK, 0) || !virtio_begin(&dev, QUEUE_CAN) ||
        !virtio_add_queue(&dev, &queue, 0)) {
        return false;
    }
    virtio_go(&dev);
    return true;
}

void main(const void *tree)
{
    static char line[64];
    machine_read(tree);
    uart_init();
    memory_give((uintptr_t)bss_end, machine.memory_start + machine.memory_size / 2);
    irq_init();
    if (!disk_open()) {
        print("there is no disk\n");
    }
    for (;;) {
        print("tinamou:writer# ");
        line_read(line, sizeof(line));
        line_obey(line);
    }
}
