// The power drivers there are.
//
// There is none for wake-on-LAN: it can switch on only, tells nobody whether it did, and wakes whatever hears it. A machine that
// must be released, erased and started anew needs a driver that can be asked and can switch off; one that has no BMC is switched
// by hand (`manual`), or by a socket that can be asked (`webhook`).

import type { PowerDriver } from './driver.ts';
import { ipmi } from './ipmi.ts';
import { manual } from './manual.ts';
import { virsh } from './virsh.ts';
import { webhook } from './webhook.ts';

/** Every driver, in the order in which they are offered. */
export const POWER_DRIVERS: readonly PowerDriver[] = [manual, ipmi, virsh, webhook];

/** The driver of a `power_type`; undefined: there is none of this name. */
export const findDriver = (name: string): PowerDriver | undefined =>
  POWER_DRIVERS.find((driver) => driver.name === name);
