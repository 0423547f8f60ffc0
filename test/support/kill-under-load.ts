// The daemon is killed under DHCP load, again and again over one state directory, and after each death every lease that any client was
// ever acknowledged is looked for in leases.db. For the suites, with few kills and with many.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { leasesShape } from '../../src/cli/shapes.ts';
import { sleep } from '../../src/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { formatIpv4, formatMac, type MacAddress } from '../../src/net/address.ts';
import { copyLeases } from '../../src/store/lease-database.ts';
import { LEASE_FILE } from '../../src/store/lease-journal.ts';
import { printedRandom } from './printed-random.ts';
import { addressOf, DhcpProbes } from './probes.ts';
import { RunningRack } from './running-rack.ts';

/** Clients that ask at the same time. */
const CLIENTS = 24;
/** ACKs of one life: as many at least, and as many more at most. */
const ACKS_MIN = 12;
const ACKS_MORE = 24;
/** After the last ACK of a life it goes on for a while, at most so long. */
const AFTERWARDS_MS_MAX = 12;
/** Nobody answers once the daemon is killed: those who then wait are given up. */
const GIVEN_UP_MS = 500;

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
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      await rack.start(options);
      await load.run(ACKS_MIN + random(ACKS_MORE), async () => {
        await sleep(random(AFTERWARDS_MS_MAX));
        await rack.kill();
      });
      assert.deepEqual(load.missingFrom(readLeases(rack.stateDir)), [], `on disk after kill ${kill}`);
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

  /** Asks from all sides until `count` more ACKs came, then does `end`, while the others go on asking. */
  async run(count: number, end: () => Promise<void>): Promise<void> {
    const target = this.acks + count;
    let ending: Promise<void> | undefined;
    const askOn = async (): Promise<void> => {
      while (ending === undefined) {
        await this.#ask(this.#choose());
        if (this.acks >= target) ending ??= end();
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

  /** Every third has been here before. */
  #choose(): MacAddress {
    const known = this.#random(3) === 0 ? this.#macs[this.#random(this.#macs.length)] : undefined;
    return known === undefined || this.#asking.has(known) ? this.#probes.newMac() : known;
  }

  async #ask(mac: MacAddress): Promise<void> {
    this.#asking.add(mac);
    const lease = await this.#probes.leaseWithin(GIVEN_UP_MS, mac);
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

/** What leases.db holds, the newer record of an address over the older; nobody else has the file open. */
function readLeases(stateDir: string): Map<string, string> {
  const { leases } = copyLeases(join(stateDir, LEASE_FILE));
  return new Map(leases.map(({ address, mac }) => [formatMac(mac), formatIpv4(address)]));
}
