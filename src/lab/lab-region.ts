// What a lab asks of its region, over the control socket of the rack that has it, as the command line does.

import { z } from 'zod';
import { askDaemon } from '../cli/control.ts';
import { sleep } from '../clock.ts';
import { RackError } from '../errors.ts';

const MACHINES = '/MAAS/api/2.0/machines/';
const RACKS = '/MAAS/api/2.0/nodegroups/';
const LOOK_EVERY_MS = 250;
/** The longest that a machine, or a rack, is waited for. */
const WAIT_MS_MAX = 90_000;

const machineShape = z.looseObject({
  system_id: z.string(),
  hostname: z.string(),
  fqdn: z.string(),
  status_name: z.string(),
  power_task: z.string(),
  interface_set: z.array(z.looseObject({ mac_address: z.string() })),
});
export type LabMachine = z.infer<typeof machineShape>;

const rackShape = z.looseObject({ uuid: z.string(), name: z.string(), status_name: z.string() });
const statusShape = z.looseObject({ region: z.looseObject({ state: z.string() }).nullish() });

type Fields = Readonly<Record<string, string>>;

export class LabRegion {
  readonly #stateDir: string;

  /** @param stateDir of the rack that has the region */
  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** The machine with this hardware address, as soon as it has enlisted. */
  async findEnlisted(mac: string): Promise<LabMachine> {
    return await awaitValue(`${mac} in the region`, async () => {
      const query = new URLSearchParams({ mac_address: mac });
      const found = z.array(machineShape).parse(await askDaemon(this.#stateDir, `${MACHINES}?${query}`));
      return found.find(({ interface_set: nics }) => nics.some(({ mac_address: one }) => one === mac));
    });
  }

  async machine(id: string): Promise<LabMachine> {
    return machineShape.parse(await askDaemon(this.#stateDir, `${MACHINES}${id}/`));
  }

  /** Changes what is recorded of a machine: its name, its driver. */
  async update(id: string, fields: Fields): Promise<LabMachine> {
    return machineShape.parse(await askDaemon(this.#stateDir, `${MACHINES}${id}/`, 'PUT', formOf(fields)));
  }

  /** Asks the driver for the state of its power, so that the page shows it; later, while whoever watches the lab asks so much, too. */
  async queryPower(id: string): Promise<void> {
    await awaitValue(`the power of ${id}`, async () => {
      try {
        await askDaemon(this.#stateDir, `${MACHINES}${id}/?op=query_power_state`);
        return true;
      } catch (error) {
        if (error instanceof RackError && error.code === 'try-later') return undefined;
        throw error;
      }
    });
  }

  /** Gives a machine a command of its life, and waits for the state that it leads to, with nothing left to switch. */
  async command(id: string, op: string, wanted: string, fields: Fields = {}): Promise<void> {
    await askDaemon(this.#stateDir, `${MACHINES}${id}/?op=${op}`, 'POST', formOf(fields));
    await awaitValue(`${id} to be ${wanted}`, async () => {
      const { status_name: status, power_task: task } = await this.machine(id);
      return (status === wanted && task === '') || undefined;
    });
  }

  /** Takes a machine that is Ready, and deploys nothing to it. */
  async allocate(id: string): Promise<void> {
    await askDaemon(this.#stateDir, `${MACHINES}?op=allocate`, 'POST', formOf({ system_id: id }));
  }

  /** Accepts a rack as soon as it has registered, and waits until it hears of that. @param stateDir of that rack */
  async acceptRack(name: string, stateDir: string): Promise<void> {
    const { uuid } = await awaitValue(`the rack ${name}`, async () =>
      z
        .array(rackShape)
        .parse(await askDaemon(this.#stateDir, RACKS))
        .find((rack) => rack.name === name),
    );
    await askDaemon(this.#stateDir, `${RACKS}?op=accept`, 'POST', formOf({ uuid }));
    await awaitValue(`the link of ${name}`, async () => {
      const { region } = statusShape.parse(await askDaemon(stateDir, '/status'));
      return region?.state === 'up' || undefined;
    });
  }
}

const formOf = (fields: Fields): string => new URLSearchParams(fields).toString();

/** Looks until there is a value. @throws RackError `not-running` after WAIT_MS_MAX */
export async function awaitValue<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += LOOK_EVERY_MS) {
    const value = await look();
    if (value !== undefined) return value;
    await sleep(LOOK_EVERY_MS);
  }
  throw new RackError('not-running', `waited ${WAIT_MS_MAX / 1000} s for ${what}, in vain`);
}
