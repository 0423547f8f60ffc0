// The list of power drivers.
//
// A new driver is a call of `defineDriver` (`driver.ts`; `webhook.ts` is a model), a name in
// `machines/power-drivers.ts` and a place in DRIVERS. The compiler or a test then demands its words
// in `region/records/power-words.ts`, its parameters in `region/records/power-parameters.ts` and
// `region/api/machines/power-fields.ts`, and its row in docs/power.md. Nothing demands these:
//
// - programs that it runs: their rows in `programs.ts`, which then demand their places in
//   `cli/machines/power-programs.ts` and documents;
// - a row of REPORTED_FIELDS in `region/records/power-parameters.ts`, if a machine may propose it
//   for its own BMC;
// - what it opens or runs, in docs/hostile-hosts.md.

import { POWER_DRIVER_NAMES, type PowerDriverName } from '../machines/power-drivers.ts';
import { commandDriver } from './command-driver.ts';
import type { PowerDriver } from './driver.ts';
import { ipmi } from './ipmi.ts';
import { manual } from './manual.ts';
import { redfish } from './redfish.ts';
import { virsh } from './virsh.ts';
import { wakeOnLan } from './wakeonlan.ts';
import { webhook } from './webhook.ts';

const DRIVERS: Readonly<Record<PowerDriverName, PowerDriver>> = {
  manual,
  wakeonlan: wakeOnLan,
  ipmi,
  redfish,
  virsh,
  webhook,
  command: commandDriver,
};

/** Every driver, in display order. */
export const POWER_DRIVERS: readonly PowerDriver[] = POWER_DRIVER_NAMES.map((name) => DRIVERS[name]);

/** The driver of a `power_type`; undefined if there is none. */
export const findDriver = (name: string): PowerDriver | undefined =>
  POWER_DRIVERS.find((driver) => driver.name === name);
