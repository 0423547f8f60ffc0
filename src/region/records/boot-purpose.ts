// The purpose of a machine's next network boot, derived from its state. The rack renders the
// purpose and never looks at the state.
//
//   state                                                       purpose
//   unknown machine (decided by the rack)                       enlist
//   New                                                         enlist: it reports again, in case its hardware changed, and powers off
//   Commissioning, Testing, Disk erasing, Releasing,
//   Entering rescue mode, Rescue mode                           commissioning: the environment works as the state says
//   Deploying an image, network boot on                         commissioning: the environment writes the image
//   Deploying with an installer, network boot on                install
//   Deploying, network boot off (the disk is written); Deployed local
//   Exiting rescue mode, Broken                                 local if the machine was Deployed before, else poweroff: a broken machine
//                                                               keeps its system, with which a
//                                                               person looks for the fault
//   everything else (Ready, Allocated, failures …)              poweroff
//
// 1. The result depends only on the arguments.

import type { BootPurpose } from '../../machines/machine.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { DeployWay } from './work.ts';

interface BootState {
  readonly status: MachineStatus;
  /** The state to which a rescue or a repair returns. */
  readonly restingStatus?: MachineStatus | undefined;
  /** False once an installer has reported the disk written. */
  readonly netboot: boolean;
  /** `undefined`: by an installer. */
  readonly deployBy?: DeployWay | undefined;
}

export function bootPurpose(state: BootState): BootPurpose {
  switch (state.status) {
    case 'new':
      return 'enlist';
    case 'commissioning':
    case 'testing':
    case 'disk-erasing':
    case 'releasing':
    case 'entering-rescue-mode':
    case 'rescue-mode':
      return 'commissioning';
    case 'deploying':
      if (!state.netboot) return 'local';
      return state.deployBy === 'image' ? 'commissioning' : 'install';
    case 'deployed':
      return 'local';
    case 'exiting-rescue-mode':
    case 'broken':
      return state.restingStatus === 'deployed' ? 'local' : 'poweroff';
    default:
      return 'poweroff';
  }
}
