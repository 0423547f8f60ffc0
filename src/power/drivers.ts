// The list of power drivers.
//
// A new driver is a file of its own and a place at the end of this list. Its words, and those of its parameters, are in
// `region/words/en/power.ts`. Names of new parameters also go into `region/records/power-parameters.ts` and `region/api/power-fields.ts`.
// Its name is shown there, in `cli/machines/power-commands.ts`, and in docs/power.md and docs/hostile-hosts.md.
//
// Wake-on-LAN has no driver: it can only switch on, without confirmation, and wakes any machine that hears it. A machine that must be
// released, erased and restarted needs a driver that can query and switch off. A machine without a BMC is switched by hand (`manual`), or
// by a power socket with an API (`webhook`).

import type { PowerDriver } from './driver.ts';
import { ipmi } from './ipmi.ts';
import { manual } from './manual.ts';
import { virsh } from './virsh.ts';
import { webhook } from './webhook.ts';

/** Every driver, in display order. */
export const POWER_DRIVERS: readonly PowerDriver[] = [manual, ipmi, virsh, webhook];

/** The driver of a `power_type`; undefined if there is none. */
export const findDriver = (name: string): PowerDriver | undefined =>
  POWER_DRIVERS.find((driver) => driver.name === name);
