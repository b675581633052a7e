#include "tests/isa/code.h"

#include <string.h>

#include <glib.h>

#include "emu/riscv/decode.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

struct code code_at(struct fake_machine *m, gpa_t address)
{
    return (struct code){ m, address };
}

gpa_t code_put(struct code *code, enum isa_row_id id, unsigned rd, unsigned rs1, unsigned rs2,
               int32_t imm)
{
    struct isa_insn insn = {
        .id = id, .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm,
        .rm = isa_formats[isa_rows[id].format].rm ? 7 : 0,
    };
    uint32_t word = isa_encode(&insn);
    gpa_t at = code->at;
    memcpy(fake_machine_ram(code->m, at), &word, 4);
    code->at += 4;
    return at;
}

gpa_t code_put16(struct code *code, uint16_t half)
{
    gpa_t at = code->at;
    memcpy(fake_machine_ram(code->m, at), &half, 2);
    code->at += 2;
    return at;
}

void code_li(struct code *code, unsigned rd, uint64_t value)
{
    int32_t low = (int32_t)((uint32_t)value << 20) >> 20;
    g_assert_cmphex((uint64_t)(int64_t)(int32_t)value, ==, value);
    code_put(code, INSN_lui, rd, 0, 0, (int32_t)(((uint32_t)value - (uint32_t)low) & 0xfffff000));
    code_put(code, INSN_addiw, rd, rd, 0, low);
}

void code_stop(struct code *code)
{
    code_li(code, T6, FAKE_STOP);
    code_put(code, INSN_sw, 0, T6, ZERO, 0);
}

void code_stop_on_trap(struct fake_machine *m)
{
    struct code handler = code_at(m, CODE_HANDLER);
    code_stop(&handler);
    m->hart->mtvec = CODE_HANDLER;
    m->hart->mcause = UINT64_MAX;
    m->hart->mtval = UINT64_MAX;
}

void code_run(struct fake_machine *m, gpa_t pc, enum riscv_priv priv)
{
    m->hart->hart.engine->fence_instructions(&m->hart->hart);
    m->hart->pc = pc;
    m->hart->priv = (uint8_t)priv;
    riscv_update_banks(m->hart);
    fake_machine_run(m);
}
