/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls without a signal: a jump of five bytes in place of the instruction that loads the
 * call's number, or in place of the call and the comparison behind it, to code within 2 GiB, which
 * goes on to the runtime on a stack of its own and comes back behind the call. The kernel
 * overwrites rcx and r11 at a system call: these two are free.
 *
 * The mov's place is safe: nothing can jump into the middle of one instruction, and who jumps to
 * the call behind it finds ud2. For the comparison the front-end has looked for branches to it. */
#include "replay.h"
#include "syscall.h"

#include <linux/mman.h>

enum {
    MOV_LENGTH = 5,
    CMP_LENGTH = 6,
    MOVABS_LENGTH = 10,
    PAGES = 16,     /* of near code, at most; each holds 80 jumps */
    CODE_MAX = 48,  /* of one jump */
    STEP = 1 << 24, /* bytes between places that are tried for a page */
};
#define REACH 0x70000000ul /* of a jump, less some; far enough from where memory is mapped next */

static struct {
    uint64_t begin, used;
} replay_near_pages[PAGES];

/* For replay_enter.S: the runtime's stack, the program's, and where it goes on. */
#pragma GCC visibility push(hidden)
uint64_t replay_jump_top, replay_jump_stack, replay_jump_back;
void replay_enter(void);
void replay_jumped(struct sigcontext *registers, uint64_t back);
#pragma GCC visibility pop

int replay_in_jumps(uint64_t begin, uint64_t end)
{
    for (int i = 0; i < PAGES && replay_near_pages[i].begin; i++)
        if (begin < replay_near_pages[i].begin + PAGE_SIZE && replay_near_pages[i].begin < end)
            return 1;
    return 0;
}

static int in_reach(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) < REACH + STEP * 8ul;
}

static int is_free(uint64_t page)
{
    return page >= 0x10000 && page < USER_SPACE_END &&
           !elfie_any_captured(page, page + PAGE_SIZE) &&
           elfie_syscall(__NR_mmap, page, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (long)page;
}

/* Far below: memory is mapped downwards, heaps grow upwards. Above where there is no below. */
static uint64_t new_page(uint64_t address)
{
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t below = (address - REACH + i * STEP) & -PAGE_SIZE;
        uint64_t above = (address + REACH - i * STEP) & -PAGE_SIZE;
        if (address > REACH && is_free(below))
            return below;
        if (is_free(above))
            return above;
    }
    return 0;
}

/* Room for the code of one jump, or NULL. */
static uint8_t *room_near(uint64_t address)
{
    int i = 0;
    for (; i < PAGES && replay_near_pages[i].begin; i++)
        if (in_reach(replay_near_pages[i].begin, address) &&
            replay_near_pages[i].used + CODE_MAX <= PAGE_SIZE)
            break;
    if (i == PAGES)
        return NULL;
    if (!replay_near_pages[i].begin)
        replay_near_pages[i].begin = new_page(address);
    if (!replay_near_pages[i].begin)
        return NULL;
    uint64_t place = replay_near_pages[i].begin + replay_near_pages[i].used;
    replay_near_pages[i].used += CODE_MAX;
    return (uint8_t *)place;
}

static uint8_t *put_bytes(uint8_t *to, const void *from, size_t count)
{
    const uint8_t *bytes = from;
    while (count--)
        *to++ = *bytes++;
    return to;
}

/* movabs $VALUE, REGISTER */
static uint8_t *put_movabs(uint8_t *to, uint8_t rex, uint8_t opcode, uint64_t value)
{
    *to++ = rex;
    *to++ = opcode;
    return put_bytes(to, &value, sizeof value);
}

static uint8_t *put_jump(uint8_t *to, uint64_t target)
{
    int32_t offset = (int32_t)(target - ((uint64_t)to + 5));
    *to++ = 0xe9;
    return put_bytes(to, &offset, sizeof offset);
}

/* movabs $BACK, %rcx; movabs $replay_enter, %r11; mov $NUMBER, %eax, where it was; jmp *%r11;
 * .quad BEHIND; BACK: the comparison, where it was; jmp to what follows. */
int replay_patch_jump(const struct replay_site *site)
{
    static const uint8_t jump_r11[] = {0x41, 0xff, 0xe3};
    uint64_t call = site->address, behind = call + CALL_LENGTH;
    int has_mov = site->form == SITE_HAS_MOV;
    uint8_t *code = site->form == SITE_ALONE ? NULL : room_near(call);
    if (!code)
        return 0;
    uint8_t *back = code + 2 * MOVABS_LENGTH + (has_mov ? MOV_LENGTH : 0) + sizeof jump_r11 + 8;
    uint8_t *to = put_movabs(code, 0x48, 0xb9, (uint64_t)back);
    to = put_movabs(to, 0x49, 0xbb, (uint64_t)replay_enter);
    if (has_mov)
        to = put_bytes(to, (const void *)(call - MOV_LENGTH), MOV_LENGTH);
    to = put_bytes(to, jump_r11, sizeof jump_r11);
    to = put_bytes(to, &behind, sizeof behind);
    if (!has_mov)
        to = put_bytes(to, (const void *)behind, CMP_LENGTH);
    put_jump(to, has_mov ? behind : behind + CMP_LENGTH);
    put_jump((uint8_t *)(has_mov ? call - MOV_LENGTH : call), (uint64_t)code);
    replay_jump_top = (uint64_t)elfie_stack_of(1);
    return 1;
}

void replay_jumped(struct sigcontext *registers, uint64_t back)
{
    replay_jump_back = back;
    registers->eflags &= ~(uint64_t)TRAP_FLAG; /* of a tracer's, which PUSHF shows */
    registers->r11 = registers->eflags;
    replay_call(0, registers, registers->rax);
    replay_jump_stack = registers->rsp;
}
