/* Book-keeping of value places during emission: see regs.h. */
#include "emu/jit/regs.h"

#include <assert.h>
#include <string.h>

static bool regs_is_const(const struct regs *regs, uint16_t value)
{
    return regs->block->ins[value].op == IR_CONST;
}

static bool regs_is_dead(const struct regs *regs, uint16_t value)
{
    return regs->block->ins[value].last < regs->now;
}

/* Whether the value is needed after the present operation. */
static bool regs_is_needed(const struct regs *regs, uint16_t value)
{
    return value != IR_NONE && regs->block->ins[value].last > regs->now;
}

void regs_begin(struct regs *regs, const struct ir_block *block)
{
    regs->block = block;
    regs->now = 0;
    regs->failed = false;
    regs->locked = 0;
    regs->reserved = 0;
    memset(regs->in_home, 0, sizeof regs->in_home);
    memset(regs->in_temp, 0, sizeof regs->in_temp);
    memset(regs->in_spill, 0, sizeof regs->in_spill);
    memset(regs->place, REGS_NONE, block->count * sizeof regs->place[0]);
    for (unsigned group = 1; group < IR_GROUPS_MAX; group++) {
        regs->place[IR_ADDEND(group)] =
            (struct regs_place){ REGS_NONE, REGS_NONE, (int8_t)(REGS_SPILL + group) };
    }
}

void regs_next(struct regs *regs, unsigned now)
{
    regs->now = now;
    regs->locked = 0;
    regs->reserved = 0;
    for (const int8_t *temp = regs->host->temps; *temp != REGS_NONE; temp++) {
        uint16_t value = regs->in_temp[*temp];
        if (value != IR_NONE && regs_is_dead(regs, value)) {
            regs->in_temp[*temp] = IR_NONE;
            regs->place[value].temp = REGS_NONE;
        }
    }
    for (unsigned slot = 0; slot < REGS_SPILL; slot++) {
        if (regs->in_spill[slot] != IR_NONE && regs_is_dead(regs, regs->in_spill[slot])) {
            regs->in_spill[slot] = IR_NONE;
        }
    }
}

/* GET: the value is the guest register's home, not read or written before. */
static void regs_get(struct regs *regs, unsigned guest, uint16_t value)
{
    assert(regs->in_home[guest] == IR_NONE);
    regs->in_home[guest] = value;
    regs->place[value].home = (int8_t)guest;
}

int regs_peek(const struct regs *regs, uint16_t value)
{
    const struct regs_place *place = &regs->place[value];
    if (place->home != REGS_NONE && regs->host->pinned[place->home] != REGS_NONE) {
        return regs->host->pinned[place->home];
    }
    return place->temp;
}

bool regs_in_slot(const struct regs *regs, uint16_t value, unsigned *ret_guest)
{
    const struct regs_place *place = &regs->place[value];
    if (regs_peek(regs, value) != REGS_NONE || place->home == REGS_NONE) {
        return false;
    }
    *ret_guest = (unsigned)place->home;
    return true;
}

static void regs_spill(struct regs *regs, uint16_t value, int temp)
{
    unsigned slot = 0;
    while (slot < REGS_SPILL - 1 && regs->in_spill[slot] != IR_NONE) {
        slot++;
    }
    regs->failed |= regs->in_spill[slot] != IR_NONE;
    regs->in_spill[slot] = value;
    regs->place[value].spill = (int8_t)slot;
    regs->host->store_spill(regs->emitter, slot, temp);
}

/* Empties a temporary: its value stays findable if anybody still needs it. */
static void regs_evict(struct regs *regs, int temp)
{
    uint16_t value = regs->in_temp[temp];
    if (value == IR_NONE) {
        return;
    }
    struct regs_place *place = &regs->place[value];
    if (!regs_is_dead(regs, value) && place->home == REGS_NONE && place->spill == REGS_NONE &&
        !regs_is_const(regs, value)) {
        regs_spill(regs, value, temp);
    }
    place->temp = REGS_NONE;
    regs->in_temp[temp] = IR_NONE;
}

/* The temporary that costs least to use: empty, else one whose value is elsewhere too. */
static int regs_find(struct regs *regs)
{
    int second = REGS_NONE, third = REGS_NONE;
    for (const int8_t *temp = regs->host->temps; *temp != REGS_NONE; temp++) {
        uint32_t bit = 1u << *temp;
        if (((regs->locked | regs->reserved) & bit) != 0) {
            continue;
        }
        uint16_t value = regs->in_temp[*temp];
        if (value == IR_NONE) {
            return *temp;
        }
        if (regs->place[value].home != REGS_NONE || regs->place[value].spill != REGS_NONE ||
            regs_is_const(regs, value)) {
            second = *temp;
        } else {
            third = *temp;
        }
    }
    return second != REGS_NONE ? second : third;
}

int regs_scratch(struct regs *regs)
{
    int temp = regs_find(regs);
    assert(temp != REGS_NONE);
    regs_evict(regs, temp);
    regs->reserved |= 1u << temp;
    return temp;
}

void regs_take(struct regs *regs, int temp)
{
    assert(((regs->reserved) & 1u << temp) == 0);
    regs_evict(regs, temp);
    regs->reserved |= 1u << temp;
}

static void regs_hold(struct regs *regs, uint16_t value, int temp)
{
    regs->in_temp[temp] = value;
    regs->place[value].temp = (int8_t)temp;
}

int regs_read(struct regs *regs, uint16_t value)
{
    struct regs_place *place = &regs->place[value];
    int reg = regs_peek(regs, value);
    if (reg == REGS_NONE) {
        reg = regs_find(regs);
        assert(reg != REGS_NONE);
        regs_evict(regs, reg);
        if (place->home != REGS_NONE) {
            regs->host->load_home(regs->emitter, reg, (unsigned)place->home);
        } else if (place->spill != REGS_NONE) {
            regs->host->load_spill(regs->emitter, reg, (unsigned)place->spill);
        } else {
            assert(regs_is_const(regs, value));
            regs->host->load_const(regs->emitter, reg, (uint64_t)regs->block->ins[value].imm);
        }
        regs_hold(regs, value, reg);
    }
    if (place->temp == reg) {
        regs->locked |= 1u << reg;
    }
    return reg;
}

void regs_force_spill(struct regs *regs, uint16_t value)
{
    if (regs_peek(regs, value) == REGS_NONE && regs->place[value].spill == REGS_NONE) {
        int temp = regs_read(regs, value);
        regs_spill(regs, value, temp);
    } else if (regs->place[value].spill == REGS_NONE && regs->place[value].home == REGS_NONE) {
        regs_spill(regs, value, regs->place[value].temp);
    }
}

/* Whether the home of `guest` may be overwritten by the present operation already. */
static bool regs_home_is_free(const struct regs *regs, unsigned guest)
{
    return !regs_is_needed(regs, regs->in_home[guest]);
}

static int regs_hint(const struct regs *regs, uint16_t value)
{
    const struct ir_ins *next = &regs->block->ins[value + 1];
    enum ir_op put = regs->floating ? IR_PUTF : IR_PUT;
    bool here = (next->op == put && next->a == value) || next->op == IR_HINT;
    if (value + 1u < regs->block->count && here &&
        regs->host->pinned[next->reg] != REGS_NONE && regs_home_is_free(regs, next->reg)) {
        return next->reg;
    }
    return REGS_NONE;
}

static int regs_place_at(struct regs *regs, uint16_t value, int guest)
{
    uint16_t old = regs->in_home[guest];
    if (old != IR_NONE && regs->place[old].home == guest) {
        regs->place[old].home = REGS_NONE;
    }
    regs->in_home[guest] = value;
    regs->place[value].home = (int8_t)guest;
    return regs->host->pinned[guest];
}

int regs_write_hint(struct regs *regs, uint16_t value)
{
    int guest = regs_hint(regs, value);
    return guest == REGS_NONE ? REGS_NONE : regs_place_at(regs, value, guest);
}

int regs_write(struct regs *regs, uint16_t value)
{
    int pinned = regs_write_hint(regs, value);
    if (pinned != REGS_NONE) {
        return pinned;
    }
    /* A temporary whose value dies here may be taken over even while it is locked. */
    for (const int8_t *temp = regs->host->temps; *temp != REGS_NONE; temp++) {
        uint16_t held = regs->in_temp[*temp];
        if (held != IR_NONE && !regs_is_needed(regs, held) &&
            (regs->reserved & 1u << *temp) == 0) {
            regs->place[held].temp = REGS_NONE;
            regs_hold(regs, value, *temp);
            return *temp;
        }
    }
    int temp = regs_scratch(regs);
    regs->reserved &= ~(1u << temp);
    regs_hold(regs, value, temp);
    regs->locked |= 1u << temp;
    return temp;
}

void regs_define(struct regs *regs, uint16_t value, int temp)
{
    regs->reserved &= ~(1u << temp);
    regs_hold(regs, value, temp);
    regs->locked |= 1u << temp;
}

bool regs_overwrites(const struct regs *regs, uint16_t value, uint16_t operand)
{
    int guest = regs_hint(regs, value);
    return guest != REGS_NONE && regs->in_home[guest] == operand;
}

int regs_write_over(struct regs *regs, uint16_t value, uint16_t over)
{
    int guest = regs_hint(regs, value);
    uint16_t old = guest == REGS_NONE ? IR_NONE : regs->in_home[guest];
    if (guest != REGS_NONE && (old == IR_NONE || old == over || regs_is_dead(regs, old))) {
        return regs_place_at(regs, value, guest);
    }
    int temp = over == IR_NONE || regs_is_needed(regs, over) ? REGS_NONE : regs->place[over].temp;
    if (temp != REGS_NONE) {
        regs->place[over].temp = REGS_NONE;
    } else {
        temp = regs_scratch(regs);
    }
    regs_define(regs, value, temp);
    return temp;
}

int regs_write_fresh(struct regs *regs, uint16_t value)
{
    return regs_write_over(regs, value, IR_NONE);
}

/* A value that is needed later loses its home: finds it another place. */
static void regs_rescue(struct regs *regs, uint16_t value, unsigned guest)
{
    struct regs_place *place = &regs->place[value];
    place->home = REGS_NONE;
    if (!regs_is_needed(regs, value) || regs_is_const(regs, value) ||
        place->temp != REGS_NONE || place->spill != REGS_NONE) {
        return;
    }
    for (unsigned other = 0; other < 32; other++) {
        if (other != guest && regs->in_home[other] == value) {
            place->home = (int8_t)other;
            return;
        }
    }
    int temp = regs_find(regs);
    assert(temp != REGS_NONE);
    regs_evict(regs, temp);
    if (regs->host->pinned[guest] != REGS_NONE) {
        regs->host->move(regs->emitter, temp, regs->host->pinned[guest]);
    } else {
        regs->host->load_home(regs->emitter, temp, guest);
    }
    regs_hold(regs, value, temp);
}

/* PUT: the guest register's home holds the value from now on. */
static void regs_put(struct regs *regs, unsigned guest, uint16_t value)
{
    if (regs->in_home[guest] == value) {
        return; /* computed in place */
    }
    uint16_t old = regs->in_home[guest];
    regs->in_home[guest] = IR_NONE;
    if (old != IR_NONE && regs->place[old].home == (int8_t)guest) {
        if (regs_peek(regs, value) != REGS_NONE && regs->place[value].temp != REGS_NONE) {
            regs->locked |= 1u << regs->place[value].temp;
        }
        regs_rescue(regs, old, guest);
    }
    int pinned = regs->host->pinned[guest];
    int at = regs_peek(regs, value);
    if (pinned != REGS_NONE && at == REGS_NONE) {
        struct regs_place *place = &regs->place[value];
        if (place->home != REGS_NONE) {
            regs->host->load_home(regs->emitter, pinned, (unsigned)place->home);
        } else if (place->spill != REGS_NONE) {
            regs->host->load_spill(regs->emitter, pinned, (unsigned)place->spill);
        } else {
            regs->host->load_const(regs->emitter, pinned,
                                   (uint64_t)regs->block->ins[value].imm);
        }
    } else if (pinned != REGS_NONE) {
        regs->host->move(regs->emitter, pinned, at);
    } else if (at == REGS_NONE && regs_is_const(regs, value)) {
        regs->host->store_home_const(regs->emitter, guest,
                                     (uint64_t)regs->block->ins[value].imm);
    } else {
        regs->host->store_home(regs->emitter, guest, regs_read(regs, value));
    }
    regs->in_home[guest] = value;
    if (regs->place[value].home == REGS_NONE ||
        regs->host->pinned[regs->place[value].home] == REGS_NONE) {
        regs->place[value].home = (int8_t)guest;
    }
}

bool regs_carry_out(struct regs *x, struct regs *f, unsigned index)
{
    const struct ir_ins *ins = &x->block->ins[index];
    switch ((enum ir_op)ins->op) {
    case IR_NOP:
    case IR_HINT:
    case IR_CONST: return true;
    case IR_GET:   regs_get(x, ins->reg, (uint16_t)index); return true;
    case IR_GETF:  regs_get(f, ins->reg, (uint16_t)index); return true;
    case IR_PUT:   regs_put(x, ins->reg, ins->a); return true;
    case IR_PUTF:  regs_put(f, ins->reg, ins->a); return true;
    default: return false;
    }
}
