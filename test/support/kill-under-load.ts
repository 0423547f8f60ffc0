// Kills the daemon under DHCP load, repeatedly over one state directory. After each kill, leases.db must hold every lease that any client was
// ever acknowledged, with an end no earlier than its client expects. Used by suites with few and with many kills.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionU8, optionU32 } from '../../src/dhcp/wire/options.ts';
import { formatIpv4, formatMac, type MacAddress, macFromBytes } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { copyLeases, LeaseDatabase } from '../../src/store/leases/lease-database.ts';
import { FOLD_IDLE_RECORDS_MIN } from '../../src/store/leases/lease-folder.ts';
import { LEASE_FILE } from '../../src/store/leases/lease-journal.ts';
import { decodeLeases } from '../../src/store/leases/lease-record.ts';
import { clientBytes } from '../dhcp/lab.ts';
import { leasesShape } from './answer-shapes.ts';
import { ip } from './lab-facts.ts';
import { printedRandom } from './printed-random.ts';
import { addressOf, DhcpProbes } from './probes.ts';
import { RunningRack, runRackboot } from './running-rack.ts';

/** Concurrent clients. */
const CLIENTS = 24;
/** ACKs per run of the daemon: the minimum, and the most in addition. */
const ACKS_MIN = 12;
const ACKS_MORE = 24;
/** The longest time that it continues after the last of them. */
const AFTERWARDS_MS_MAX = 12;
/** One run in this number ends after its clients have been silent, and the longest such silence, in milliseconds. */
const SILENT_ENDS = 4;
const SILENCE_MS_MAX = 200;
/** One start in this number finds a log that is long enough for a fold; it is killed during the fold, and restarted. */
const KILLED_STARTS = 8;
const START_MS_MAX = 1000;
/** How long a client waits for an answer before it is given up, and replaced by another. */
const GIVEN_UP_MS = 500;
/** How often a returning client asks at the end, when nothing else may be lost than on a busy host. */
const ASKED_AGAIN_MAX = 5;
/** How long the clients read replies that the daemon sent before it was killed, before they give up. */
const DRAIN_MS = 20;
/**
 * How much earlier a lease may end than its client expects, because both read the wall clock of one host. It is less than the second after
 * which a renewal is recorded again: a lease with a missing record ends earlier by more than that.
 */
const SAME_MS = 500;
/** Kills between progress lines. */
const PROGRESS_KILLS = 50;

/** Room for sixty thousand machines. */
const widened =
  (place: LabPlace) =>
  (text: string): string =>
    text
      .replace(`network: ${place.octets}.0/24`, `network: ${place.octets}.0/16`)
      .replace(`ip_range_high: ${place.octets}.199`, `ip_range_high: ${place.octets.replace(/\d+$/, '254')}.255`);

/**
 * Kills `kills` times. After each: no acknowledged lease is lost or ends early, and no address was acknowledged to two clients.
 * @returns the number of acknowledged clients, of ACKs, and of ACKs that extended a lease
 */
export async function killUnderLoad(
  place: LabPlace,
  kills: number,
): Promise<{ readonly clients: number; readonly acks: number; readonly renewals: number }> {
  const random = printedRandom('kill-under-load');
  const rack = new RunningRack(place, widened(place));
  const probes = await DhcpProbes.open(place);
  const load = new Load(probes, random, `${place.octets}.1`);
  // Later runs reuse the compiled code of the first: compiling would take most of a short run.
  const options = { compileCache: join(rack.directory, 'compiled') };
  const stages = new Stages(['start', 'load', 'check']);
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      if (kill > 1 && random(KILLED_STARTS) === 0) {
        lengthenLog(join(rack.stateDir, LEASE_FILE));
        await runRackboot(['run', '--config', rack.configFile], { endMsMax: random(START_MS_MAX) });
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
    const held = new Map(leases.map(({ mac, address, expiresAt }) => [mac, { address, endMs: Date.parse(expiresAt) }]));
    assert.deepEqual(load.missingFrom(held), [], 'in the restarted rack');
    await load.askAgain();
    return { clients: load.acknowledged.size, acks: load.acks, renewals: load.renewals };
  } finally {
    await probes.close();
    await rack.remove();
  }
}

/** The durations of the repeated stages. */
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

  /** The duration of each stage since the last call, in seconds. */
  take(): string {
    const reported = [...this.#ms].map(([name, ms]) => `${name} ${(ms / 1000).toFixed(1)} s`).join(', ');
    for (const name of this.#ms.keys()) this.#ms.set(name, 0);
    return reported;
  }
}

/** New and returning clients, and the replies that they got. */
class Load {
  /** By hardware address, as text. */
  readonly acknowledged = new Map<string, Held>();
  readonly #owners = new Map<string, string>();
  readonly #macs: MacAddress[] = [];
  readonly #probes: DhcpProbes;
  readonly #random: (n: number) => number;
  readonly #asking = new Set<MacAddress>();
  readonly #renewing = new Map<MacAddress, { readonly xid: number; readonly heard: (leaseSeconds: number) => void }>();
  readonly #rack: string;
  #xid = 0;
  acks = 0;
  renewals = 0;

  constructor(probes: DhcpProbes, random: (n: number) => number, rack: string) {
    this.#probes = probes;
    this.#random = random;
    this.#rack = rack;
    probes.onOther = (bytes) => this.#heard(bytes);
  }

  /** Asks concurrently until `count` more ACKs came, then calls `end`. @param goesOn true to keep asking until `end` is done */
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
        const mac = this.#choose();
        const held = this.acknowledged.get(formatMac(mac));
        if (held !== undefined && this.#random(2) === 0) await this.#renew(mac, held.address, over.promise);
        else await this.#ask(mac, over.promise);
        if (this.acks >= target) ending ??= endAll();
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, askOn));
    await ending;
  }

  /** Returning clients ask for their previous addresses; like every client, they ask again when no answer comes. */
  async askAgain(): Promise<void> {
    const before = this.acks;
    const returning = this.#macs.slice(0, 3);
    for (const [index, mac] of returning.entries())
      for (let left = ASKED_AGAIN_MAX; left > 0 && this.acks <= before + index; left -= 1) await this.#ask(mac);
    assert.equal(this.acks, before + returning.length);
  }

  /** Every other client is a returning one. */
  #choose(): MacAddress {
    const known = this.#random(2) === 0 ? this.#macs[this.#random(this.#macs.length)] : undefined;
    return known === undefined || this.#asking.has(known) ? this.#probes.newMac() : known;
  }

  async #ask(mac: MacAddress, over?: Promise<undefined>): Promise<void> {
    this.#asking.add(mac);
    const lease = await this.#probes.leaseWithin(GIVEN_UP_MS, mac, over);
    this.#asking.delete(mac);
    if (lease !== undefined)
      this.#note(mac, addressOf(lease), systemClock.wallTimeMs() - lease.ackMs, lease.leaseSeconds);
  }

  /** RENEWING: by unicast, once. */
  async #renew(mac: MacAddress, address: string, over: Promise<undefined>): Promise<void> {
    this.#asking.add(mac);
    this.#xid += 1;
    const xid = this.#xid;
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#renewing.set(mac, { xid, heard: resolve });
    const late = systemClock.schedule(GIVEN_UP_MS, () => resolve(undefined));
    const askedMs = systemClock.wallTimeMs();
    const ciaddr = ip(address);
    this.#probes.unicast(clientBytes({ type: 'request', mac, xid, ciaddr }), ip(this.#rack), ciaddr);
    const leaseSeconds = await Promise.race([promise, over]);
    late.cancel();
    this.#renewing.delete(mac);
    this.#asking.delete(mac);
    if (leaseSeconds === undefined) return;
    this.renewals += 1;
    this.#note(mac, address, askedMs, leaseSeconds);
  }

  #heard(bytes: Uint8Array): void {
    const decoded = decodeDhcpMessage(bytes);
    if (!decoded.ok) return;
    const { xid, options, chaddr } = decoded.value;
    const renewing = this.#renewing.get(macFromBytes(chaddr));
    if (renewing?.xid !== xid) return;
    const type = optionU8(options, OPTION.messageType);
    assert.equal(type, MESSAGE_TYPE.ack, `${formatMac(macFromBytes(chaddr))} may extend its lease`);
    renewing.heard(optionU32(options, OPTION.leaseTime) ?? 0);
  }

  /** An ACK came. @param askedMs when its client asked: from then on it counts its lease (RFC 2131 §4.4.1) */
  #note(mac: MacAddress, address: string, askedMs: number, leaseSeconds: number): void {
    const client = formatMac(mac);
    this.acks += 1;
    const before = this.acknowledged.get(client);
    if (before === undefined) this.#macs.push(mac);
    else assert.equal(address, before.address, `${client} keeps its address`);
    assert.equal(this.#owners.get(address) ?? client, client, `${address} has one owner`);
    this.acknowledged.set(client, { address, endMs: Math.max(before?.endMs ?? 0, askedMs + leaseSeconds * 1000) });
    this.#owners.set(address, client);
  }

  missingFrom(held: ReadonlyMap<string, Held>): string[] {
    return [...this.acknowledged].flatMap(([mac, { address, endMs }]) => {
      const found = held.get(mac);
      if (found?.address !== address) return [`${mac} ${address}, found ${found?.address}`];
      const earlyMs = endMs - found.endMs;
      return earlyMs <= SAME_MS ? [] : [`${mac} ${address} ends ${Math.round(earlyMs)} ms before its client thinks so`];
    });
  }
}

/** A client's address and its end: wall time in milliseconds since 1970. */
interface Held {
  readonly address: string;
  readonly endMs: number;
}

/** Rewrites a file's records into its log until the log is long enough to be folded. */
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
    while (database.unfoldedCount < FOLD_IDLE_RECORDS_MIN) {
      for (const { bytes, records } of pieces) database.write(database.lastSequence + records, bytes);
    }
  } finally {
    database.close();
  }
}

/** The leases in leases.db, with the newest record of each address; no other process has the file open. */
function readLeases(stateDir: string): Map<string, Held> {
  const { leases } = copyLeases(join(stateDir, LEASE_FILE));
  return new Map(
    leases.map(({ address, mac, expiresWallMs }) => [
      formatMac(mac),
      { address: formatIpv4(address), endMs: expiresWallMs },
    ]),
  );
}
