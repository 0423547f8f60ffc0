// What a machine's next network boot is for, from its state. The rack renders what the answer names; it never looks at a state.
//
//   state                                                       purpose
//   nobody knows the machine (the rack decides that)            enlist
//   New                                                         enlist: it reports again, so that changed hardware is seen, and powers off
//   Commissioning, Testing, Disk erasing, Releasing,
//   Entering rescue mode, Rescue mode                           commissioning: the environment does what the state says
//   Deploying by an image, network boot on                      commissioning: the environment writes the image
//   Deploying otherwise, network boot on                        install
//   Deploying, network boot off (the disk is written); Deployed local
//   Exiting rescue mode                                         what the state before the rescue has
//   everything else (Ready, Allocated, Broken, failures …)      poweroff
//
// 1. The answer depends on nothing but the arguments.

import type { BootPurpose } from '../../machines/machine.ts';
import type { MachineStatus } from './lifecycle.ts';
import type { DeployWay } from './work.ts';

/** What decides a machine's next boot. */
export interface BootState {
  readonly status: MachineStatus;
  /** Where a rescue goes back to. */
  readonly restingStatus?: MachineStatus | undefined;
  /** False once an installer has said that the disk is written. */
  readonly netboot: boolean;
  /** How its system comes onto the disk; undefined: by an installer. */
  readonly deployBy?: DeployWay | undefined;
}

/** What the next network boot of a machine is for. */
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
      return state.restingStatus === 'deployed' ? 'local' : 'poweroff';
    default:
      return 'poweroff';
  }
}
