// What racks do for power drivers: they wake machines, and hear whether they are on.
//
// 1. The racks of a machine's home are asked; before it has one, all accepted racks.

import type { MacAddress } from '../ground/address.ts';
import type { PowerRacks, Waker } from '../power/driver.ts';
import type { Racks } from '../region/racks/racks.ts';
import type { Machine } from '../region/records/machine.ts';
import { HEARD_ADDRESSES_MAX, type RackTask } from '../region/records/rack-request.ts';
import type { RegionStore } from '../region/records/store.ts';

/** Racks that an outcome names. */
const WAKERS_MAX = 16;

interface AskedRacksDeps {
  readonly store: Pick<RegionStore, 'findMachine'>;
  readonly racks: () => Pick<Racks, 'list' | 'homes' | 'requests'>;
}

export class AskedRacks implements PowerRacks {
  readonly #deps: AskedRacksDeps;

  constructor(deps: AskedRacksDeps) {
    this.#deps = deps;
  }

  async wake(systemId: string, mac: MacAddress, password: string | undefined): Promise<readonly Waker[]> {
    const machine = await this.#deps.store.findMachine(systemId);
    const answers = await this.#askAll(machine, { kind: 'wake', mac, password, near: machine?.home });
    const wakers = answers.map(({ rack, answer }) => ({ rack: rack.name, interfaces: answer.interfaces ?? [] }));
    return wakers.filter(({ interfaces }) => interfaces.length > 0).slice(0, WAKERS_MAX);
  }

  async hears(systemId: string, mac: MacAddress): Promise<boolean | undefined> {
    const machine = await this.#deps.store.findMachine(systemId);
    const addresses = listMachineAddresses(machine).slice(0, HEARD_ADDRESSES_MAX);
    if (addresses.length === 0) return undefined;
    const answers = await this.#askAll(machine, { kind: 'hear', mac, addresses });
    const verdicts = answers.flatMap(({ answer }) => answer.isHeard ?? []);
    return verdicts.length === 0 ? undefined : verdicts.includes(true);
  }

  #askAll(machine: Machine | undefined, task: RackTask) {
    const racks = this.#deps.racks();
    const ofHome = racks.homes.racksAt(machine?.home);
    const asked = ofHome.length > 0 ? ofHome : racks.list().filter(({ state }) => state === 'accepted');
    return Promise.all(asked.map(async (rack) => ({ rack, answer: await racks.requests.ask(rack.uuid, task) })));
  }
}

/** Where the machine may answer: addresses given to it, and those seen last. */
const listMachineAddresses = (machine: Machine | undefined) => [
  ...new Set([
    ...(machine?.addresses ?? []).map(({ address }) => address),
    ...(machine?.interfaces ?? []).flatMap(({ address }) => address ?? []),
  ]),
];
