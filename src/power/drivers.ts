// The list of power drivers.
//
// A new driver is a file with a call of `defineDriver` (`driver.ts`; `webhook.ts` is a model), a name in `machines/power-drivers.ts` and a place in DRIVERS.
// The compiler or a test then demands:
//
// - its words, and those of its parameters, in `region/records/power-words.ts`;
// - for its new result codes in `detail.ts`, their sentences in `region/records/power-words.ts`;
// - names of new parameters in `region/records/power-parameters.ts` and `region/api/machines/power-fields.ts`;
// - its row in docs/power.md.
//
// Nothing demands these:
//
// - programs that it runs: their rows in `programs.ts`. The compiler then demands the machines that it switches in
//   `cli/machines/power-programs.ts`, and a test its packages in README.md, docs/power.md and docs/first-machine.md;
// - if a machine may propose it for its own BMC: a row of REPORTED_FIELDS in `region/records/power-parameters.ts`;
// - what it opens or runs, in docs/hostile-hosts.md.
//
// There is no driver for Wake-on-LAN: it can only switch on, without confirmation, and wakes any machine that hears it. To release, erase and
// restart a machine, a driver must be able to query its power and to switch it off. A machine without a BMC is switched by hand (`manual`), or by a
// power socket with an API (`webhook`).

import { POWER_DRIVER_NAMES, type PowerDriverName } from '../machines/power-drivers.ts';
import type { PowerDriver } from './driver.ts';
import { ipmi } from './ipmi.ts';
import { manual } from './manual.ts';
import { virsh } from './virsh.ts';
import { webhook } from './webhook.ts';

const DRIVERS: Readonly<Record<PowerDriverName, PowerDriver>> = { manual, ipmi, virsh, webhook };

/** Every driver, in display order. */
export const POWER_DRIVERS: readonly PowerDriver[] = POWER_DRIVER_NAMES.map((name) => DRIVERS[name]);

/** The driver of a `power_type`; undefined if there is none. */
export const findDriver = (name: string): PowerDriver | undefined =>
  POWER_DRIVERS.find((driver) => driver.name === name);
