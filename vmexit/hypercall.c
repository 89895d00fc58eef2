/*
 * VMCALL: the calls of abi/capture.h; KVM's are known to be absent (-KVM_ENOSYS), as its documentation asks.
 */
#include <asm-generic/errno.h>
#include <linux/kvm_para.h>

#include "abi/capture.h"
#include "hv/vcpu.h"
#include "vmexit/gate_judge.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

enum exit_outcome exit_vmcall(struct vcpu *v)
{
    uint64_t argument = v->regs[REG_RBX];
    long result = 0;

    if (vcpu_cpl() != 0) {
        v->regs[REG_RAX] = (uint64_t)-KVM_EPERM;
        return EXIT_RETIRED;
    }
    switch (v->regs[REG_RAX]) {
    case CAPTURE_CALL_REGISTER:
        result = gate_register(v, argument);
        if (!result)
            gate_set_answers(v, v->regs[REG_RCX], v->regs[REG_RDX]);
        break;
    case CAPTURE_CALL_CLOSE:
        gate_close(v, (int64_t)argument);
        break;
    case CAPTURE_CALL_SIGNAL:
        result = gate_signal(v, argument);
        break;
    case CAPTURE_CALL_TASK_NEW:
        gate_task_new(v, (uint32_t)argument, (uint32_t)v->regs[REG_RCX]);
        break;
    case CAPTURE_CALL_CHECK:
        result = gate_judge(v, argument, v->regs[REG_RCX], v->regs[REG_RDX], v->regs[REG_RSI]);
        break;
    case CAPTURE_CALL_ANSWER:
        result = gate_judge_answer(v, argument != 0);
        break;
    case CAPTURE_CALL_TASK_EXIT:
        gate_task_exit(v, (uint32_t)argument);
        break;
    case CAPTURE_CALL_MORE:
        result = gate_more(v);
        break;
    case CAPTURE_CALL_CHANGED:
        result = gate_changed(v);
        break;
    default:
        result = -KVM_ENOSYS;
    }
    v->regs[REG_RAX] = (uint64_t)result;
    return EXIT_RETIRED;
}
