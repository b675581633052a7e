/*
 * Goal: an interrupt finds the state that the interpreter has after the same instructions, and
 * leaves no trace. Loops of every kind are interrupted at each instruction boundary (blocks of one
 * instruction), at each exit of blocks as they usually are, and, linked, whenever another thread
 * feels like it.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/jit/jit.h"
#include "emu/riscv/bits.h"
#include "emu/riscv/trap.h"
#include "tests/jit/lockstep.h"

#define LOOP_MAX    12
#define ROUNDS      6     /* of a loop that is interrupted everywhere */
#define STORM_LUI   4     /* pages of rounds in a storm */
#define STORM_TAKEN 100   /* interrupts that a storm must have brought, over all loops */

#define I(name, rd, rs1, rs2, imm) { INSN_##name, rd, rs1, rs2, imm }
struct loop {
    const char *name;
    struct {
        enum isa_row_id id;
        uint8_t rd, rs1, rs2;
        int32_t imm;
    } insn[LOOP_MAX];
};

/* Bodies; x31 is counted down behind them. Branches here skip one instruction. */
static const struct loop loops[] = {
    { "computes", { I(addi, 10, 10, 0, 3), I(xor, 11, 10, 12, 0), I(sh1add, 12, 11, 10, 0),
                    I(mulhu, 13, 12, 11, 0), I(sraiw, 14, 13, 0, 3), I(divu, 15, 10, 14, 0) } },
    { "loads and stores", { I(ld, 10, 5, 0, 1032), I(lw, 11, 5, 0, 1040), I(add, 10, 10, 11, 0),
                            I(sd, 0, 5, 10, 1032), I(sh, 0, 5, 11, 1050), I(lbu, 12, 5, 0, 1033),
                            I(sw, 0, 5, 12, 1061) } },
    { "steps along", { I(sd, 0, 5, 10, 1024), I(ld, 11, 5, 0, 1024), I(addi, 5, 5, 0, 8),
                       I(add, 10, 10, 11, 0), I(addi, 5, 5, 0, -8) } },
    { "floats", { I(fld, 1, 5, 0, 1032), I(fmadd_d, 2, 1, 2, 0), I(fsd, 0, 5, 2, 1040),
                  I(flw, 3, 5, 0, 1048), I(fadd_s, 3, 3, 3, 0), I(fcvt_l_d, 10, 2, 0, 0) } },
    { "branches", { I(andi, 10, 31, 0, 1), I(beq, 0, 10, 0, 8), I(addi, 11, 11, 0, 1),
                    I(andi, 10, 31, 0, 2), I(bne, 0, 10, 0, 8), I(addi, 12, 12, 0, 1),
                    I(jal, 0, 0, 0, 8), I(addi, 13, 13, 0, 1) } },
    { "jumps", { I(auipc, 10, 0, 0, 0), I(addi, 10, 10, 0, 20), I(sd, 0, 5, 10, 1032),
                 I(ld, 10, 5, 0, 1032), I(jalr, 1, 10, 0, 0), I(addi, 11, 11, 0, 1) } },
    { "atomics", { I(addi, 10, 5, 0, 1032), I(amoadd_d, 11, 10, 31, 0), I(lr_d, 12, 10, 0, 0),
                   I(addi, 12, 12, 0, 1), I(sc_d, 13, 10, 12, 0), I(amomaxu_w, 14, 10, 31, 0),
                   I(fence, 0, 0, 0, 0x33) } },
    { "traps", { I(addi, 10, 10, 0, 1), I(ecall, 0, 0, 0, 0), I(csrrs, 11, 0, 0, 0xc02),
                 I(add, 12, 12, 11, 0), I(ebreak, 0, 0, 0, 0) } },
    { "device", { I(lui, 10, 0, 0, 0x10000000), I(ld, 11, 10, 0, 8), I(add, 12, 12, 11, 0),
                  I(sw, 0, 10, 12, 16) } },
};

static struct {
    uint64_t at;    /* instructions retired before the interrupt */
    bool raised;
    unsigned taken;
} plan;

static void loop_program(struct program *program, const struct loop *loop, bool user,
                         int32_t rounds)
{
    *program = (struct program){ .seed = 7, .start = user ? PRIV_U : PRIV_M };
    program_add(program, program_insn(INSN_csrrs, 10, 0, 0, 0xc02));
    program_add(program, rounds >= 4096 ? program_insn(INSN_lui, 31, 0, 0, rounds)
                                        : program_insn(INSN_addi, 31, 0, 0, rounds));
    while (program->count < 44) { /* so that some loops cross a page */
        program_add(program, program_insn(INSN_addi, 0, 0, 0, 0));
    }
    uint16_t start = (uint16_t)program->count;
    for (unsigned i = 0; i < LOOP_MAX && loop->insn[i].id != 0; i++) {
        struct isa_insn insn = program_insn(loop->insn[i].id, loop->insn[i].rd, loop->insn[i].rs1,
                                            loop->insn[i].rs2, loop->insn[i].imm);
        insn.rm = isa_formats[isa_rows[insn.id].format].rm ? 7 : 0;
        program_add(program, insn);
    }
    program_add(program, program_insn(INSN_addi, 31, 31, 0, -1));
    struct program_item *back = program_add(program, program_insn(INSN_bne, 0, 31, 0, 0));
    back->fix = FIX_TARGET;
    back->target = start;
    program_finish(program);
}

/* The line goes up once enough has retired. */
static void plan_at_exit(struct lockstep *lockstep)
{
    if (!plan.raised && lockstep->jit.hart->instret >= plan.at) {
        plan.raised = true;
        riscv_hart_set_irq(lockstep->jit.hart, IRQ_MTIP, true);
    }
}

static void interrupts_on(struct bench *bench)
{
    bench_write(bench, 0x304, IRQ_BIT(IRQ_MTIP));
    bench->hart->mstatus |= MSTATUS_MIE;
    riscv_hart_set_irq(bench->hart, IRQ_MTIP, false);
}

/* Both take what is pending, where the translator stands. */
static bool interrupt_both(struct lockstep *lockstep)
{
    struct riscv_hart *a = lockstep->interp.hart, *b = lockstep->jit.hart;
    if ((atomic_load(&b->mip) & IRQ_BIT(IRQ_MTIP)) == 0) {
        return true;
    }
    riscv_hart_set_irq(a, IRQ_MTIP, true);
    if (!lockstep_follow(lockstep)) {
        return false;
    }
    bool taken = riscv_take_interrupt(b);
    if (riscv_take_interrupt(a) != taken) {
        snprintf(lockstep->text, sizeof lockstep->text, "one takes the interrupt, one does not");
        return false;
    }
    if (taken) {
        riscv_hart_set_irq(a, IRQ_MTIP, false);
        riscv_hart_set_irq(b, IRQ_MTIP, false);
        plan.taken++;
    }
    return lockstep_follow(lockstep);
}

/* Runs a program whose interrupts somebody raises on the translator's hart. */
static bool run_interrupted(struct lockstep *lockstep, const struct program *program)
{
    struct hart *hart = &lockstep->jit.hart->hart;
    lockstep->text[0] = 0;
    lockstep->endless = false;
    lockstep->compared = 0;
    bench_start(&lockstep->interp, program);
    bench_start(&lockstep->jit, program);
    interrupts_on(&lockstep->interp);
    interrupts_on(&lockstep->jit);
    while (!lockstep->jit.stopped && lockstep->text[0] == 0 && !lockstep->endless) {
        atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_IRQ);
        if (interrupt_both(lockstep)) {
            hart->engine->run(hart);
        }
    }
    return lockstep->text[0] == 0 && lockstep_follow(lockstep);
}

static void check(bool right, const struct lockstep *lockstep, const struct loop *loop, bool user)
{
    if (!right) {
        printf("%s, %s, interrupted at %u: %s\n", loop->name, user ? "user" : "machine",
               (unsigned)plan.at, lockstep->text);
        exit(1);
    }
}

/* One interrupt a run, at each place. */
static void test_everywhere(const struct loop *loop, bool user, unsigned block_insns)
{
    static struct lockstep lockstep;
    static struct program program;
    struct jit_options options;
    jit_options_init(&options);
    options.warm = options.rewarm = 0;
    options.block_insns = block_insns;
    bool ok = lockstep_init(&lockstep, true, &options, NULL);
    assert(ok);
    lockstep.at_exit = plan_at_exit;
    loop_program(&program, loop, user, ROUNDS);
    unsigned runs = 0;
    plan.taken = 0;
    for (plan.at = 0, plan.raised = true; plan.raised; plan.at++, runs++) {
        plan.raised = false;
        check(run_interrupted(&lockstep, &program), &lockstep, loop, user);
    }
    assert(runs > ROUNDS * 5 && plan.taken + 8 >= runs);
    lockstep_finish(&lockstep);
}

static struct {
    _Atomic(struct riscv_hart *) hart;
    atomic_bool end;
} storm;

static gpointer storm_thread(gpointer opaque)
{
    (void)opaque;
    for (unsigned i = 0; !atomic_load(&storm.end); i = i * 5 + 7) {
        struct riscv_hart *hart = atomic_load(&storm.hart);
        if (hart != NULL) {
            riscv_hart_set_irq(hart, IRQ_MTIP, true);
        }
        g_usleep(i % 200);
    }
    return NULL;
}

/* Linked, at any time. */
static void test_storm(void)
{
    static struct lockstep lockstep;
    static struct program program;
    struct jit_options options;
    jit_options_init(&options);
    options.counting = true;
    bool ok = lockstep_init(&lockstep, false, &options, NULL);
    assert(ok);
    GThread *thread = g_thread_new("storm", storm_thread, NULL);
    atomic_store(&storm.hart, lockstep.jit.hart);
    plan.taken = 0;
    plan.at = 0;
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(loops) || plan.taken < STORM_TAKEN; i++) {
        const struct loop *loop = &loops[i / 2 % G_N_ELEMENTS(loops)];
        loop_program(&program, loop, i % 2 != 0, STORM_LUI << 12);
        check(run_interrupted(&lockstep, &program), &lockstep, loop, i % 2 != 0);
    }
    atomic_store(&storm.end, true);
    g_thread_join(thread);
    printf("%u interrupts in the storm\n", plan.taken);
    lockstep_finish(&lockstep);
}

/* What lets a pending interrupt in; x11 is 2. */
static const struct loop enables[] = {
    { "csrsi", { I(csrrsi, 0, 2, 0, 0x100) } },
    { "csrs", { I(csrrs, 10, 11, 0, 0x100) } },
    { "csrw", { I(csrrw, 0, 11, 0, 0x100) } },
    { "sret", { I(auipc, 10, 0, 0, 0), I(addi, 10, 10, 0, 16), I(csrrw, 0, 10, 0, 0x141),
                I(sret, 0, 0, 0, 0) } },
};

/* S-mode lets in what waits already: it is taken in front of the next instruction. */
static void test_enabled(const struct loop *loop, unsigned warm)
{
    static struct bench bench;
    static struct program program;
    struct jit_options options;
    jit_options_init(&options);
    options.warm = options.rewarm = warm;
    bool ok = bench_init(&bench, &jit_engine, &options, NULL);
    assert(ok);
    loop_program(&program, loop, false, 1);
    program.start = PRIV_S;
    for (unsigned pending = 0; pending < 2; pending++) {
        bench_start(&bench, &program);
        bench.hart->mstatus &= ~MSTATUS_TSR;
        bench.hart->x[11] = MSTATUS_SIE;
        bench_write(&bench, 0x303, IRQ_BIT(IRQ_SSIP));
        bench_write(&bench, 0x304, IRQ_BIT(IRQ_SSIP));
        bench_write(&bench, 0x344, pending << IRQ_SSIP);
        struct hart *hart = &bench.hart->hart;
        atomic_store(&hart->requests, 0);
        hart->engine->run(hart);
        bool first = bench.hart->x[31] == 1; /* the loop has not been counted down */
        assert(bench.stopped != (pending != 0) && first == (pending != 0));
        unsigned last = 44;
        while (loop->insn[last - 44 + 1].id != 0) {
            last++;
        }
        assert(pending == 0 || bench.hart->pc == program_address(&program, last + 1));
        assert(pending == 0 || riscv_take_interrupt(bench.hart));
    }
    bench_finish(&bench);
}

int main(void)
{
    static struct lockstep lockstep;
    struct jit_options options;
    GError *error = NULL;
    jit_options_init(&options);
    if (!lockstep_init(&lockstep, true, &options, &error)) {
        printf("skipped: %s\n", error->message);
        return 77;
    }
    lockstep_finish(&lockstep);
    for (size_t i = 0; i < G_N_ELEMENTS(loops); i++) {
        for (unsigned user = 0; user < 2; user++) {
            test_everywhere(&loops[i], user != 0, 1);
            test_everywhere(&loops[i], user != 0, IR_INSNS_MAX);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(enables); i++) {
        test_enabled(&enables[i], 0);
        test_enabled(&enables[i], JIT_WARM_MAX); /* interpreted */
    }
    test_storm();
    return 0;
}
