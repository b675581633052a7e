/* Random sequences of floating point: what the translator does not do one by one. */
#include "tests/jit/program_maker.h"

/* To an integer in a static mode, and back. */
static void add_rounding(struct maker *maker)
{
    static const enum isa_row_id rows[][2] = {
        { INSN_fcvt_l_d, INSN_fcvt_d_l }, { INSN_fcvt_w_d, INSN_fcvt_d_w },
        { INSN_fcvt_l_s, INSN_fcvt_s_l }, { INSN_fcvt_lu_d, INSN_fcvt_d_lu },
        { INSN_fcvt_wu_s, INSN_fcvt_s_wu }, { INSN_fcvt_l_d, INSN_fcvt_s_l },
        { INSN_fcvt_w_s, INSN_fcvt_s_w },
    };
    unsigned kind = maker_pick(maker, 7), mode = maker_pick(maker, 4);
    unsigned between = 16 + maker_pick(maker, 8), from = maker_pick(maker, 32);
    add(maker, rows[kind][0], between, from, 0, 0)->insn.rm = (uint8_t)mode;
    add(maker, rows[kind][1], maker_pick(maker, 32), between, 0, 0)->insn.rm = (uint8_t)mode;
}

/* Something that may raise flags, or leave the block. */
static void add_flagged(struct maker *maker, unsigned saved)
{
    static const enum isa_row_id rows[] = { INSN_flt_d, INSN_fle_d, INSN_feq_d, INSN_flt_s,
                                            INSN_fle_s, INSN_feq_s };
    unsigned target = 16 + maker_pick(maker, 8);
    struct program_item *item;
    switch (maker_pick(maker, 16)) {
    case 0: add(maker, INSN_fadd_d, maker_pick(maker, 32), target, 9, 0)->insn.rm = 7; return;
    case 1: add(maker, INSN_fsgnjx_d, maker_pick(maker, 32), target, target, 0); return;
    case 2: add(maker, INSN_fld, maker_pick(maker, 32), REG_DATA, 0, maker_offset(maker)); return;
    case 3: add(maker, INSN_sw, 0, REG_DATA, saved, maker_offset(maker)); return;
    case 4: add(maker, INSN_lw, saved, REG_DATA, 0, maker_offset(maker)); return;
    case 5: add(maker, INSN_addi, saved, target, 0, 1); return;
    case 6:
    case 7:
    case 8:
        item = add(maker, maker_pick(maker, 2) ? INSN_beq : INSN_bne, 0, target, 0, 0);
        item->fix = FIX_TARGET;
        item->target = maker_forward(maker);
        return;
    case 9:
    case 10: add_rounding(maker); return;
    default:
        add(maker, rows[maker_pick(maker, 6)], target, maker_pick(maker, 32),
            maker_pick(maker, 32), 0);
    }
}

void add_saved_flags(struct maker *maker)
{
    unsigned saved = 12 + maker_pick(maker, 4);
    add(maker, INSN_csrrs, saved, 0, 0, 1);
    for (unsigned i = maker_pick(maker, 6); i > 0; i--) {
        add_flagged(maker, saved);
    }
    if (maker_pick(maker, 4) != 0) {
        add(maker, INSN_csrrw, maker_pick(maker, 2) != 0 ? 0 : saved, saved, 0, 1);
    }
}

void add_chain(struct maker *maker)
{
    static const enum isa_row_id doubles[] = {
        INSN_fadd_d, INSN_fsub_d, INSN_fmul_d, INSN_fdiv_d, INSN_fsqrt_d, INSN_fmadd_d,
        INSN_fmsub_d, INSN_fnmsub_d, INSN_fnmadd_d, INSN_fcvt_s_d, INSN_fsgnj_d, INSN_feq_d,
        INSN_fmv_x_d, INSN_fmv_d_x, INSN_fsd,
    };
    static const enum isa_row_id singles[] = {
        INSN_fadd_s, INSN_fsub_s, INSN_fmul_s, INSN_fdiv_s, INSN_fsqrt_s, INSN_fmadd_s,
        INSN_fmsub_s, INSN_fnmsub_s, INSN_fnmadd_s, INSN_fcvt_d_s, INSN_fsgnj_s, INSN_flt_s,
        INSN_fmv_x_w, INSN_fmv_w_x, INSN_fsw,
    };
    enum { ARITHMETIC = 9, ALL = 15 };
    static const uint8_t regs[] = { 3, 4, 5, 6, 7, 9, 10, 11 };
    const enum isa_row_id *rows = maker_pick(maker, 2) != 0 ? doubles : singles;
    for (unsigned i = 3 + maker_pick(maker, 10); i > 0; i--) {
        enum isa_row_id id = rows[maker_pick(maker, maker_pick(maker, 4) != 0 ? ARITHMETIC : ALL)];
        const struct isa_format *format = &isa_formats[isa_rows[id].format];
        struct isa_insn insn = program_insn(id, 12 + maker_pick(maker, 4), maker_pick(maker, 32),
                                            regs[maker_pick(maker, 8)], 0);
        insn.rd = format->rd == ISA_REG_F ? regs[maker_pick(maker, 8)] : insn.rd;
        insn.rs1 = format->rs1 == ISA_REG_F ? regs[maker_pick(maker, 8)] : insn.rs1;
        insn.rs3 = format->rs3 == ISA_REG_F ? regs[maker_pick(maker, 8)] : 0;
        insn.rm = format->rm ? 7 : 0;
        if (id == INSN_fsd || id == INSN_fsw) {
            insn.rs1 = REG_DATA;
            insn.imm = maker_offset(maker);
        }
        insn.rd = format->rd == ISA_REG_NONE ? 0 : insn.rd;
        insn.rs2 = format->rs2 == ISA_REG_NONE ? 0 : insn.rs2;
        maker_item(maker, 4)->insn = insn;
    }
}
