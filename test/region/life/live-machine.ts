// A region with one image and a user with an SSH key, and machines in it: what users, racks, the power and the machines themselves do to them.

import assert from 'node:assert/strict';
import { formatMac, type MacAddress } from '../../../src/ground/address.ts';
import type { EnlistmentReport } from '../../../src/region/identity/enlistment-report.ts';
import type { Actor, MachineCommand } from '../../../src/region/life/commands.ts';
import type { MachineLife } from '../../../src/region/life/machine-life.ts';
import type { PowerControl, PowerResult } from '../../../src/region/life/power-life.ts';
import type { Signal } from '../../../src/region/life/signal.ts';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import type { CommandName } from '../../../src/region/records/machine-commands.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import type { RackFields } from '../../../src/region/reports/reported.ts';
import { bootReport, enlist, type RegionPlace, withRegion } from '../place.ts';
import { heldPower, powerEnd } from './held-power.ts';

export const MINUTE_MS = 60_000;
export const BOB: Actor = { username: 'bob', isAdmin: true, comment: '' };
export const TRIXIE = { osystem: 'debian', release: 'trixie', deployBy: 'image' } as const;
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 1)]).toString('base64')} bob`;
export const IMAGE = {
  os: TRIXIE.osystem,
  release: TRIXIE.release,
  path: '/images/aa/a.img',
  sha256: 'a'.repeat(64),
  bytes: 10,
  format: 'raw',
};

/** Reopens a place's region with an image store of one image; `power`: by this Rackboot switches machines. */
export async function reopen({ store, config, clock, region }: RegionPlace, power?: PowerControl): Promise<Region> {
  region.close();
  return await openRegion({
    config,
    store,
    clock,
    power,
    findImage: ({ os, release }) => (os === IMAGE.os && release === IMAGE.release ? IMAGE : undefined),
    onDesiredState: () => undefined,
  });
}

/** Gives a user an SSH key. */
export async function addKey({ store }: Pick<RegionPlace, 'store'>, username = 'bob'): Promise<void> {
  await store.life.addSshKey({ username, key: KEY, createdMs: 1 }, 4, {
    type: 'AUTHORISATION',
    code: 'rack',
    params: { text: 'x' },
    atMs: 1,
    username,
  });
}

/** A region in which bob has an SSH key; by default it switches all machines, when a test says so. */
export function withDeployments(
  work: (place: RegionPlace) => Promise<void>,
  power: PowerControl = heldPower(),
): Promise<void> {
  return withRegion(async (place) => {
    const region = await reopen(place, power);
    await addKey(place);
    await work({ ...place, region });
    region.close();
  });
}

let sequence = 0;

/** A machine, whose commands are bob's. */
export class LiveMachine {
  /** To be replaced after a restart. */
  region: Region;
  readonly systemId: string;
  readonly #mac: MacAddress;
  readonly #clock: RegionPlace['clock'];

  private constructor({ region, clock }: LivePlace, { systemId, interfaces }: Machine) {
    this.region = region;
    this.systemId = systemId;
    this.#mac = interfaces[0]?.mac ?? assert.fail('no interface');
    this.#clock = clock;
  }

  /** A new machine, booted by a rack; `last`: the end of its hardware address. */
  static async enlist(place: LivePlace, last = 1, more: Partial<EnlistmentReport> = {}): Promise<LiveMachine> {
    return new LiveMachine(place, await enlist(place.region, bootReport([0x525400000000 + last], more)));
  }

  static async ready(place: LivePlace, last = 1): Promise<LiveMachine> {
    const machine = await LiveMachine.enlist(place, last);
    await machine.order('accept', { skipsCommissioning: true });
    return machine;
  }

  async now(): Promise<Machine> {
    return (await this.region.store.findMachine(this.systemId)) ?? assert.fail('no machine');
  }

  async status(): Promise<MachineStatus> {
    return (await this.now()).status;
  }

  ask(name: CommandName, more: Omit<MachineCommand, 'name'> = {}, options: Options = {}) {
    return this.region.life.command(this.systemId, { name, ...more }, BOB, options);
  }

  /** The name of the refusal of a command and what it says, or `changed`. */
  async refusal(...asked: Parameters<LiveMachine['ask']>): Promise<string> {
    const outcome = await this.ask(...asked);
    return outcome.kind === 'refuse' ? `${outcome.refusal.name}: ${outcome.refusal.text}` : outcome.kind;
  }

  async order(...asked: Parameters<LiveMachine['ask']>): Promise<Machine> {
    const outcome = await this.ask(...asked);
    if (outcome.kind !== 'changed') assert.fail(outcome.kind === 'refuse' ? outcome.refusal.text : 'not found');
    return outcome.machine;
  }

  deploy(more: object = {}, options?: Options): Promise<Machine> {
    return this.order('deploy', { deployment: { ...TRIXIE, ...more } }, options);
  }

  /** Its agent or its system says it. */
  async tell(status: Signal['status'], stage: string, more: Partial<Signal> = {}): Promise<void> {
    await this.region.life.signal(this.systemId, { status, stage, message: '', ...more });
  }

  /** Its power task ends so. */
  async switched(kind?: PowerResult['kind'], said?: string): Promise<void> {
    await this.region.life.powerSwitched(this.systemId, powerEnd(await this.now(), kind, said));
  }

  /** A rack reports it. */
  async see(
    kind: string,
    text: string,
    { address, ...params }: RackFields & { readonly address?: string } = {},
    at = this.#clock.wallTimeMs(),
  ): Promise<void> {
    sequence += 1;
    await this.region.observe([{ sequence, kind, at, mac: formatMac(this.#mac), text, address, params }]);
  }
}

type LivePlace = Pick<RegionPlace, 'region' | 'clock'>;
type Options = Parameters<MachineLife['command']>[3];
