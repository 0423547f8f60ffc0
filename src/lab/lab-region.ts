// A lab's requests to its region. Like those of the command line, they use the control socket of
// the rack with the region.

import { z } from 'zod';
import { askDaemon, MACHINES_PATH } from '../control/ask-daemon.ts';
import { sleep } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';

const RACKS_PATH = '/MAAS/api/2.0/nodegroups/';
const CHECK_EVERY_MS = 250;
/** How long to wait for a machine or a rack, in milliseconds. */
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

type FormFields = Readonly<Record<string, string>>;

export class LabRegion {
  readonly #stateDir: string;

  /** @param stateDir the state directory of the rack with the region */
  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Waits until the machine with this hardware address has enlisted. */
  async findEnlisted(mac: string): Promise<LabMachine> {
    return await awaitValue(`${mac} in the region`, async () => {
      const query = new URLSearchParams({ mac_address: mac });
      const machines = z.array(machineShape).parse(await askDaemon(this.#stateDir, `${MACHINES_PATH}?${query}`));
      return machines.find(({ interface_set: nics }) => nics.some(({ mac_address: nicMac }) => nicMac === mac));
    });
  }

  async getMachine(id: string): Promise<LabMachine> {
    return machineShape.parse(await askDaemon(this.#stateDir, `${MACHINES_PATH}${id}/`));
  }

  /** Changes a machine's record: its name, its driver. */
  async update(id: string, fields: FormFields): Promise<LabMachine> {
    return machineShape.parse(await askDaemon(this.#stateDir, `${MACHINES_PATH}${id}/`, 'PUT', encodeForm(fields)));
  }

  /**
   * Queries a machine's power, so that the page shows it. Retries while the region refuses more
   * queries from this user.
   */
  async queryPower(id: string): Promise<void> {
    await awaitValue(`the power of ${id}`, async () => {
      try {
        await askDaemon(this.#stateDir, `${MACHINES_PATH}${id}/?op=query_power_state`);
        return true;
      } catch (error) {
        if (error instanceof RackError && error.code === 'try-later') return undefined;
        throw error;
      }
    });
  }

  /**
   * Gives a machine a life-cycle command. Waits until it is in the resulting state and no power
   * task is left.
   */
  async command(id: string, op: string, targetStatus: string, fields: FormFields = {}): Promise<void> {
    await askDaemon(this.#stateDir, `${MACHINES_PATH}${id}/?op=${op}`, 'POST', encodeForm(fields));
    await awaitValue(`${id} to be ${targetStatus}`, async () => {
      const { status_name: status, power_task: task } = await this.getMachine(id);
      return (status === targetStatus && task === '') || undefined;
    });
  }

  /** Allocates a Ready machine without deploying it. */
  async allocate(id: string): Promise<void> {
    await askDaemon(this.#stateDir, `${MACHINES_PATH}?op=allocate`, 'POST', encodeForm({ system_id: id }));
  }

  /**
   * Accepts a rack once it has registered, and waits until its link is up. @param stateDir the
   * state directory of that rack
   */
  async acceptRack(name: string, stateDir: string): Promise<void> {
    const { uuid } = await awaitValue(`the rack ${name}`, async () =>
      z
        .array(rackShape)
        .parse(await askDaemon(this.#stateDir, RACKS_PATH))
        .find((rack) => rack.name === name),
    );
    await askDaemon(this.#stateDir, `${RACKS_PATH}?op=accept`, 'POST', encodeForm({ uuid }));
    await awaitValue(`the link of ${name}`, async () => {
      const { region } = statusShape.parse(await askDaemon(stateDir, '/status'));
      return region?.state === 'up' || undefined;
    });
  }
}

const encodeForm = (fields: FormFields): string => new URLSearchParams(fields).toString();

/** Polls until there is a value. @throws RackError `not-running` after WAIT_MS_MAX */
export async function awaitValue<T>(what: string, poll: () => Promise<T | undefined>): Promise<T> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += CHECK_EVERY_MS) {
    const value = await poll();
    if (value !== undefined) return value;
    await sleep(CHECK_EVERY_MS);
  }
  throw new RackError('not-running', `gave up waiting for ${what} after ${WAIT_MS_MAX / 1000} s`);
}
