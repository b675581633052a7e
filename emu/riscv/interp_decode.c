/* From instruction words to slots: which function, with which operands. */
#include "emu/riscv/decode.h"
#include "emu/riscv/interp_ops.h"

/* Functions by micro-op, for 2-byte and 4-byte instructions. */
#define INTERP_PAIR(uop) [UOP_##uop] = { interp_##uop##_2, interp_##uop##_4 },
static interp_fn *const interp_fns[UOP_COUNT][2] = { ISA_UOPS(INTERP_PAIR) };

/* The variants, which no micro-op names. */
#define INTERP_VARIANT_ENUM(name) VARIANT_##name,
enum interp_variant { INTERP_VARIANTS(INTERP_VARIANT_ENUM) VARIANT_COUNT };

#define INTERP_VARIANT_PAIR(name) [VARIANT_##name] = { interp_##name##_2, interp_##name##_4 },
static interp_fn *const interp_variant_fns[VARIANT_COUNT][2] = {
    INTERP_VARIANTS(INTERP_VARIANT_PAIR)
};

static interp_fn *variant_fn(enum interp_variant variant, const struct isa_insn *insn)
{
    return interp_variant_fns[variant][insn->length / 2 - 1];
}

static interp_fn *uop_fn(enum isa_uop uop, const struct isa_insn *insn)
{
    return interp_fns[uop][insn->length / 2 - 1];
}

/* The form of a branch or jump that stays in its page, or VARIANT_COUNT. */
static enum interp_variant decode_near(const struct isa_insn *insn)
{
    switch ((unsigned)insn->uop) {
    case UOP_br_eq: return VARIANT_near_eq;
    case UOP_br_ne: return VARIANT_near_ne;
    case UOP_br_lt: return VARIANT_near_lt;
    case UOP_br_ge: return VARIANT_near_ge;
    case UOP_br_ltu: return VARIANT_near_ltu;
    case UOP_br_geu: return VARIANT_near_geu;
    case UOP_jump: return insn->rd == 0 ? VARIANT_near_jump : VARIANT_near_call;
    default: return VARIANT_COUNT;
    }
}

/* Plain cases of general instructions that deserve a function of their own. */
static interp_fn *decode_plain(const struct isa_insn *insn, struct interp_slot *slot)
{
    switch ((unsigned)insn->uop) {
    case UOP_alui_add:
        if (insn->rd == 0) {
            return uop_fn(UOP_nop, insn);
        }
        if (insn->rs1 == 0) {
            return uop_fn(UOP_li, insn);
        }
        return insn->imm == 0 ? variant_fn(VARIANT_move, insn) : NULL;
    case UOP_alu_add:
        if (insn->rs1 == 0) {
            slot->rs1 = insn->rs2;
            return variant_fn(VARIANT_move, insn);
        }
        return NULL;
    case UOP_jumpr: return insn->rd == 0 ? variant_fn(VARIANT_jumpr_nolink, insn) : NULL;
    case UOP_csr_set:
    case UOP_csr_clear:
    case UOP_csri_set:
    case UOP_csri_clear: return insn->rs1 == 0 ? variant_fn(VARIANT_csr_read, insn) : NULL;
    default: return NULL;
    }
}

void interp_decode(struct interp_slot *slot, uint32_t word, unsigned offset, bool near)
{
    struct isa_insn insn;
    if (!isa_decode(word, &insn)) {
        uint32_t shown = isa_length((uint16_t)word) == 2 ? word & 0xffff : word;
        *slot = (struct interp_slot){ .fn = interp_illegal, .imm = (int32_t)shown };
        return;
    }
    bool writes_x = isa_formats[isa_rows[insn.id].format].rd == ISA_REG_X;
    *slot = (struct interp_slot){
        .imm = insn.imm,
        .rd = writes_x && insn.rd == 0 ? INTERP_SINK : insn.rd,
        .rs1 = insn.rs1,
        .rs2 = insn.rs2,
        .rs3_rm = (uint8_t)(insn.rs3 << 3 | insn.rm),
    };
    enum interp_variant variant = near ? decode_near(&insn) : VARIANT_COUNT;
    uint32_t target = offset + (uint32_t)insn.imm;
    if (variant != VARIANT_COUNT && target < INTERP_PAGE_SIZE) {
        slot->imm = insn.imm / 2 * (int32_t)sizeof(struct interp_slot);
        slot->fn = variant_fn(variant, &insn);
        return;
    }
    interp_fn *plain = decode_plain(&insn, slot);
    slot->fn = plain != NULL ? plain : uop_fn(insn.uop, &insn);
}
