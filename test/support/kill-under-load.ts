// The daemon is killed under DHCP load, again and again over one state directory, and after each death every lease that any client was
// ever acknowledged is looked for in leases.db. For the suites, with few kills and with many.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { leasesShape } from '../../src/cli/shapes.ts';
import { sleep, systemClock } from '../../src/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { formatIpv4, formatMac, type MacAddress } from '../../src/net/address.ts';
import { copyLeases, LeaseDatabase } from '../../src/store/lease-database.ts';
import { FOLD_IDLE_RECORDS_MIN } from '../../src/store/lease-folder.ts';
import { LEASE_FILE } from '../../src/store/lease-journal.ts';
import { decodeLeases } from '../../src/store/lease-record.ts';
import { printedRandom } from './printed-random.ts';
import { addressOf, DhcpProbes } from './probes.ts';
import { RunningRack } from './running-rack.ts';

/** Clients that ask at the same time. */
const CLIENTS = 24;
/** ACKs of one life: as many at least, and as many more at most. */
const ACKS_MIN = 12;
const ACKS_MORE = 24;
/** After the last of them it goes on for a while, at most so long. */
const AFTERWARDS_MS_MAX = 12;
/** One life of so many ends when its clients have fallen silent, at most so long ago. */
const SILENT_ENDS = 4;
const SILENCE_MS_MAX = 200;
/** One start of so many finds so long a log that it is folded, is killed in its midst, and begun anew. */
const KILLED_STARTS = 8;
const START_MS_MAX = 1000;
/** Who has heard nothing for so long is given up, and asks as another. */
const GIVEN_UP_MS = 500;
/** What the daemon sent before it was killed is in the socket of the clients: they take it in within this time, and give up. */
const DRAIN_MS = 20;
/** After so many kills a line tells how far it is. */
const PROGRESS_KILLS = 50;

/** Room for sixty thousand machines. */
const widened =
  (place: LabPlace) =>
  (text: string): string =>
    text
      .replace(`network: ${place.octets}.0/24`, `network: ${place.octets}.0/16`)
      .replace(`ip_range_high: ${place.octets}.199`, `ip_range_high: ${place.octets.replace(/\d+$/, '254')}.255`);

/**
 * Kills `kills` times. After each: no acknowledged lease is lost, and no address was acknowledged to two clients.
 * @returns how many clients were acknowledged, and how many ACKs there were
 */
export async function killUnderLoad(
  place: LabPlace,
  kills: number,
): Promise<{ readonly clients: number; readonly acks: number }> {
  const random = printedRandom('kill-under-load');
  const rack = new RunningRack(place, widened(place));
  const probes = await DhcpProbes.open(place);
  const load = new Load(probes, random);
  // What the first life has compiled the others need not: most of a short life would be spent on that.
  const options = { compileCache: join(rack.directory, 'compiled') };
  const stages = new Stages(['start', 'load', 'check']);
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      if (kill > 1 && random(KILLED_STARTS) === 0) {
        lengthenLog(join(rack.stateDir, LEASE_FILE));
        await rack.start({ ...options, awaitReady: false });
        await sleep(random(START_MS_MAX));
        await rack.kill();
      }
      await rack.start(options);
      stages.end('start');
      const isSilent = random(SILENT_ENDS) === 0;
      await load.run(ACKS_MIN + random(ACKS_MORE), !isSilent, async () => {
        await sleep(random(isSilent ? SILENCE_MS_MAX : AFTERWARDS_MS_MAX));
        await rack.kill();
      });
      stages.end('load');
      assert.deepEqual(load.missingFrom(readLeases(rack.stateDir)), [], `on disk after kill ${kill}`);
      stages.end('check');
      if (kill % PROGRESS_KILLS === 0)
        console.log(
          `# ${kill} kills, ${load.acks} ACKs: ${load.acknowledged.size} leases were checked; ${stages.take()}`,
        );
    }
    await rack.start(options);
    const leases = leasesShape.parse(await rack.ask('/leases'));
    const held = new Map(leases.map(({ mac, address }) => [mac, address]));
    assert.deepEqual(load.missingFrom(held), [], 'in the restarted rack');
    await load.askAgain();
    return { clients: load.acknowledged.size, acks: load.acks };
  } finally {
    await probes.close();
    await rack.remove();
  }
}

/** How long the stages took that follow each other again and again. */
class Stages {
  readonly #ms: Map<string, number>;
  #from = systemClock.now();

  constructor(names: readonly string[]) {
    this.#ms = new Map(names.map((name) => [name, 0]));
  }

  end(name: string): void {
    const now = systemClock.now();
    this.#ms.set(name, (this.#ms.get(name) ?? 0) + now - this.#from);
    this.#from = now;
  }

  /** What each took since the last call, in seconds. */
  take(): string {
    const told = [...this.#ms].map(([name, ms]) => `${name} ${(ms / 1000).toFixed(1)} s`).join(', ');
    for (const name of this.#ms.keys()) this.#ms.set(name, 0);
    return told;
  }
}

/** Clients, new ones and such as come back, and what they were told. */
class Load {
  /** Addresses by hardware address, as text. */
  readonly acknowledged = new Map<string, string>();
  readonly #owners = new Map<string, string>();
  readonly #macs: MacAddress[] = [];
  readonly #probes: DhcpProbes;
  readonly #random: (n: number) => number;
  readonly #asking = new Set<MacAddress>();
  acks = 0;

  constructor(probes: DhcpProbes, random: (n: number) => number) {
    this.#probes = probes;
    this.#random = random;
  }

  /** Asks from all sides until `count` more ACKs came, then does `end`. @param goesOn whether it goes on asking until that is done */
  async run(count: number, goesOn: boolean, end: () => Promise<void>): Promise<void> {
    const target = this.acks + count;
    const over = Promise.withResolvers<undefined>();
    let ending: Promise<void> | undefined;
    let isOver = false;
    const endAll = async (): Promise<void> => {
      await end();
      isOver = true;
      await sleep(DRAIN_MS);
      over.resolve(undefined);
    };
    const askOn = async (): Promise<void> => {
      while (ending === undefined || (goesOn && !isOver)) {
        await this.#ask(this.#choose(), over.promise);
        if (this.acks >= target) ending ??= endAll();
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, askOn));
    await ending;
  }

  /** A client that was here is told of the address it had. */
  async askAgain(): Promise<void> {
    const before = this.acks;
    for (const mac of this.#macs.slice(0, 3)) await this.#ask(mac);
    assert.equal(this.acks, before + Math.min(3, this.#macs.length));
  }

  /** Every other has been here before. */
  #choose(): MacAddress {
    const known = this.#random(2) === 0 ? this.#macs[this.#random(this.#macs.length)] : undefined;
    return known === undefined || this.#asking.has(known) ? this.#probes.newMac() : known;
  }

  async #ask(mac: MacAddress, over?: Promise<undefined>): Promise<void> {
    this.#asking.add(mac);
    const lease = await this.#probes.leaseWithin(GIVEN_UP_MS, mac, over);
    this.#asking.delete(mac);
    if (lease === undefined) return;
    const [client, address] = [formatMac(mac), addressOf(lease)];
    this.acks += 1;
    const before = this.acknowledged.get(client);
    if (before === undefined) this.#macs.push(mac);
    else assert.equal(address, before, `${client} keeps its address`);
    assert.equal(this.#owners.get(address) ?? client, client, `${address} has one owner`);
    this.acknowledged.set(client, address);
    this.#owners.set(address, client);
  }

  missingFrom(held: ReadonlyMap<string, string>): string[] {
    return [...this.acknowledged].flatMap(([mac, address]) =>
      held.get(mac) === address ? [] : [`${mac} ${address}, found ${held.get(mac)}`],
    );
  }
}

/** Writes what a file holds into its log again and again, until that is so long that it will be folded. */
function lengthenLog(path: string): void {
  const database = new LeaseDatabase(path);
  try {
    const pieces: { readonly bytes: Uint8Array; readonly records: number }[] = [];
    database.load((bytes) => {
      const records = decodeLeases(bytes);
      assert.ok(records.ok);
      pieces.push({ bytes, records: records.value.length });
    });
    assert.ok(pieces.length > 0, `${path} holds leases`);
    while (database.unfolded < FOLD_IDLE_RECORDS_MIN) {
      for (const { bytes, records } of pieces) database.write(database.lastSequence + records, bytes);
    }
  } finally {
    database.close();
  }
}

/** What leases.db holds, the newer record of an address over the older; nobody else has the file open. */
function readLeases(stateDir: string): Map<string, string> {
  const { leases } = copyLeases(join(stateDir, LEASE_FILE));
  return new Map(leases.map(({ address, mac }) => [formatMac(mac), formatIpv4(address)]));
}
