// The promise of an ACK, seen from the kernel: a thousand clients get leases from the real daemon under strace. Each ACK must begin to
// leave after the fsync that follows the writing of its lease; and whenever the power is cut, with unsynced writes lost
// in whole or in part, leases.db must hold every lease acknowledged by then. Real sockets on loopback. The same of the journal alone, whose
// log is folded again and again meanwhile.
// @host alone

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionU8 } from '../../src/dhcp/wire/options.ts';
import { formatIpv4, formatMac, type Ipv4, ipv4, type MacAddress, macFromBytes } from '../../src/ground/address.ts';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { LeaseDatabase } from '../../src/store/leases/lease-database.ts';
import { LEASE_FILE } from '../../src/store/leases/lease-journal.ts';
import { decodeLeases } from '../../src/store/leases/lease-record.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { printedRandom } from '../support/printed-random.ts';
import { DhcpProbes } from '../support/probes.ts';
import { RunningRack } from '../support/running-rack.ts';
import { readSystemCalls, type SystemCall, traced } from '../support/system-calls.ts';

const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly length: number };

interface VolatileFile {
  /** On the disk for good. */
  durable: Buffer;
  /** Since the last sync, the oldest first. */
  changes: Change[];
  isNamed: boolean;
  /** For writes that say no offset: they append. */
  length: number;
}

/** The files below a directory. */
class VolatileFiles {
  readonly #directory: string;
  readonly #files = new Map<string, VolatileFile>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes note of a call. */
  apply(call: SystemCall): void {
    if (call.kind === 'send') return;
    if (call.kind === 'sync' && call.path === this.#directory) {
      for (const file of this.#files.values()) file.isNamed = true;
      return;
    }
    if (!call.path.startsWith(`${this.#directory}/`)) return;
    if (call.kind === 'remove') {
      this.#files.delete(call.path);
      return;
    }
    const file = this.#of(call.path);
    if (call.kind === 'write') {
      const offset = call.offset ?? file.length;
      file.changes.push({ kind: 'write', offset, bytes: call.bytes });
      file.length = Math.max(file.length, offset + call.bytes.length);
    } else if (call.kind === 'truncate' || (call.kind === 'open' && call.truncates)) {
      const length = call.kind === 'truncate' ? call.length : 0;
      file.changes.push({ kind: 'truncate', length });
      file.length = length;
    } else if (call.kind === 'sync') {
      file.durable = applied(file.durable, file.changes);
      file.changes = [];
    }
  }

  #of(path: string): VolatileFile {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const file = { durable: Buffer.alloc(0), changes: [], isNamed: false, length: 0 };
    this.#files.set(path, file);
    return file;
  }

  /** How many bytes of a file are written and not synced. */
  unsynced(name: string): number {
    const file = this.#files.get(`${this.#directory}/${name}`);
    return (file?.changes ?? []).reduce((sum, change) => sum + (change.kind === 'write' ? change.bytes.length : 0), 0);
  }

  /**
   * The content of a file after the power was cut now; undefined: its name is lost.
   * @param survives decides for each unsynced sector, or shortening, whether it had reached the disk
   */
  afterPowerLoss(name: string, survives: () => boolean): Buffer | undefined {
    const file = this.#files.get(`${this.#directory}/${name}`);
    if (file === undefined || !file.isNamed) return undefined;
    const survived = file.changes.flatMap((change) => {
      const parts = change.kind === 'truncate' ? [change] : [...sectorsOf(change.offset, change.bytes)];
      return parts.filter(survives);
    });
    return applied(file.durable, survived);
  }
}

function* sectorsOf(offset: number, bytes: Buffer): Generator<Change> {
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((offset + from) % SECTOR_BYTES));
    yield { kind: 'write', offset: offset + from, bytes: bytes.subarray(from, to) };
    from = to;
  }
}

/** A copy of the content with the changes made to it, in order. */
function applied(content: Buffer, changes: readonly Change[]): Buffer {
  const ends = changes.map((change) => (change.kind === 'write' ? change.offset + change.bytes.length : change.length));
  const whole = Buffer.alloc(ends.reduce((most, end) => Math.max(most, end), content.length));
  content.copy(whole);
  let length = content.length;
  for (const change of changes) {
    if (change.kind === 'write') {
      change.bytes.copy(whole, change.offset);
      length = Math.max(length, change.offset + change.bytes.length);
    } else {
      // The truncated part reads as zeros when the file grows again.
      whole.fill(0, Math.min(length, change.length));
      length = change.length;
    }
  }
  return whole.subarray(0, length);
}

const PLACE = labPlace(86);
const EXCHANGES = 1000;
/** Clients that ask at a time: some ACKs share a sync, some do not. */
const CLIENTS = 24;
/** Moments at which the power is cut, each in three ways. */
const CUTS = Number(process.env.CUTS ?? 30);
/** With these bytes the hardware addresses of the probes begin. */
const PREFIX = Buffer.from([0x52, 0x54, 0x00, 0xb0]);
/** The journal alone: so many records, which have so many addresses in turn, and so many moments. */
const RECORDS = Number(process.env.RECORDS ?? 80_000);
const ADDRESSES = 30_000;
const REST_MS = 1000;
const FOLD_CUTS = CUTS * 4;
const JOURNAL = new URL('../e2e/store-kill-child.ts', import.meta.url).pathname;
const FILES = [LEASE_FILE, `${LEASE_FILE}-wal`];

/** Room for more than a thousand machines. */
const widened = (text: string): string =>
  text
    .replace(`network: ${PLACE.octets}.0/24`, `network: ${PLACE.octets}.0/16`)
    .replace(`ip_range_high: ${PLACE.octets}.199`, `ip_range_high: ${PLACE.octets.replace(/\d+$/, '15')}.255`);

interface Ack {
  readonly mac: MacAddress;
  readonly address: Ipv4;
}

describe('an ACK and the disk', { skip: missing('linux', 'strace') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-power-'));
  const trace = join(directory, 'trace');
  let calls: readonly SystemCall[] = [];
  let stateDir = '';
  after(() => rmSync(directory, { recursive: true, force: true }));

  before(async () => {
    const rack = new RunningRack(PLACE, widened);
    let probes: DhcpProbes | undefined;
    try {
      stateDir = realpathSync(rack.stateDir);
      await rack.start({ wrapper: traced(trace) });
      probes = await DhcpProbes.open(PLACE);
      const asking = probes;
      let left = EXCHANGES;
      const askOn = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          await asking.lease();
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, askOn));
      const { pid } = rack;
      // An interrupted call has no end in the trace: the last ACKs must be among those seen.
      await sleep(500);
      await rack.kill();
      // strace writes the end of its process last.
      await eventuallyWithin(10_000, 'the end of the trace', () => {
        return new RegExp(`^${pid} +\\+\\+\\+ killed by SIGKILL`, 'm').test(readFileSync(trace, 'latin1'));
      });
      calls = readSystemCalls(trace);
    } finally {
      await probes?.close();
      await rack.remove();
    }
  });

  test(`of ${EXCHANGES} exchanges each ACK leaves after the sync of its lease`, () => {
    const wal = join(stateDir, `${LEASE_FILE}-wal`);
    /** Hardware addresses in the pages of the log that were written, and in those that were written before a sync. */
    const written = new Set<MacAddress>();
    const synced = new Set<MacAddress>();
    const seen = new Set<MacAddress>();
    let syncs = 0;
    for (const call of calls) {
      if (call.kind === 'write' && call.path === wal) for (const mac of macsIn(call.bytes)) written.add(mac);
      else if (call.kind === 'sync' && call.path === wal) {
        for (const mac of written) synced.add(mac);
        written.clear();
        syncs += 1;
      } else if (call.kind === 'send') {
        for (const { mac } of acksOf(call.datagrams)) {
          assert.ok(synced.has(mac), `the ACK for ${formatMac(mac)} left before its lease was synced`);
          seen.add(mac);
        }
      }
    }
    assert.ok(seen.size >= EXCHANGES, `${seen.size} ACKs were seen`);
    console.log(`# ${seen.size} ACKs, ${syncs} syncs of the log`);
  });

  test(`a power cut at any of ${CUTS} moments loses no acknowledged lease, with any loss of unsynced writes`, () => {
    const random = printedRandom('power-loss');
    const files = new VolatileFiles(stateDir);
    const acknowledged = new Map<MacAddress, Ipv4>();
    const concerned = calls.filter((call) => call.kind === 'send' || call.path.startsWith(join(stateDir, LEASE_FILE)));
    const cuts = new Set(Array.from({ length: CUTS }, () => random(concerned.length)));
    cuts.add(concerned.length - 1);
    let at = 0;
    let atRisk = 0;
    for (const call of calls) {
      files.apply(call);
      if (call.kind === 'send') for (const { mac, address } of acksOf(call.datagrams)) acknowledged.set(mac, address);
      if (concerned[at] !== call) continue;
      if (cuts.has(at) && acknowledged.size > 0) {
        atRisk += FILES.reduce((sum, name) => sum + files.unsynced(name), 0);
        for (const [way, survives] of waysOf(random)) {
          assert.deepEqual(lost(files, survives, acknowledged, directory), [], `cut at call ${at}: ${way}`);
        }
      }
      at += 1;
    }
    assert.ok(acknowledged.size >= EXCHANGES);
    console.log(`# ${at} calls, ${cuts.size} cuts, at which ${atRisk} bytes were not synced`);
  });
});

describe('the folding of the log and the disk', { skip: missing('linux', 'strace') }, () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rackboot-power-fold-')));
  const trace = join(directory, 'trace');
  const stateDir = join(directory, 'state');
  let calls: readonly SystemCall[] = [];
  after(() => rmSync(directory, { recursive: true, force: true }));

  before(async () => {
    mkdirSync(stateDir);
    const [command = '', ...words] = traced(trace);
    const child = spawn(command, [...words, process.execPath, JOURNAL, stateDir, `${ADDRESSES}`, `${REST_MS}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-64);
      if (Number(said.split('\n').at(-2)) >= RECORDS) child.kill('SIGKILL');
    });
    await once(child, 'close');
    await eventuallyWithin(10_000, 'the end of the trace', () => {
      return new RegExp(`^${child.pid} +\\+\\+\\+ killed by SIGKILL`, 'm').test(readFileSync(trace, 'latin1'));
    });
    calls = readSystemCalls(trace);
  });

  test(`a power cut at any of ${FOLD_CUTS} moments loses no durable record, nor brings an older one back`, () => {
    const random = printedRandom('power-loss-fold');
    const files = new VolatileFiles(stateDir);
    const concerned = calls.flatMap((call, index) =>
      call.kind !== 'send' && call.path.startsWith(join(stateDir, LEASE_FILE)) ? [index] : [],
    );
    const cuts = new Set(Array.from({ length: FOLD_CUTS }, () => concerned[random(concerned.length)]));
    cuts.add(concerned.at(-1));
    const folds = new Set<number>();
    let durable = 0;
    for (const [index, call] of calls.entries()) {
      files.apply(call);
      if (call.kind === 'write') durable = Math.max(durable, lastSaid(call.bytes));
      if (durable === 0 || !cuts.has(index)) continue;
      for (const [way, survives] of waysOf(random)) {
        const { held, folded } = afterPowerLoss(files, survives, directory);
        for (let sequence = Math.max(1, durable - ADDRESSES + 1); sequence <= durable; sequence += 1) {
          // Record n is of the client n.
          const found = held.get(ipv4(sequence % ADDRESSES)) ?? 0;
          assert.ok(
            found >= sequence,
            `cut at call ${index}: ${way}: record ${sequence} of ${durable}, found ${found}`,
          );
        }
        folds.add(folded);
      }
    }
    assert.ok(folds.size > 2, `the log was folded up to ${[...folds]}`);
    console.log(
      `# ${durable} records, ${concerned.length} calls, ${cuts.size} cuts, folded up to ${[...folds].join(', ')}`,
    );
  });
});

/** The unsynced writes that survive a power cut. */
const waysOf = (random: (n: number) => number): readonly (readonly [string, () => boolean])[] => [
  ['nothing unsynced is left', () => false],
  ['everything is', () => true],
  ['half of the sectors are', () => random(2) === 0],
];

/** The last sequence in lines of sequences; 0 if there is none. */
function lastSaid(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  return /^(?:\d+\n)+$/.test(text) ? Number(text.trimEnd().split('\n').at(-1)) : 0;
}

/** SQLite keeps a hardware address as an integer of six bytes, which are its octets. */
function* macsIn(page: Buffer): Generator<MacAddress> {
  for (let at = page.indexOf(PREFIX); at !== -1; at = page.indexOf(PREFIX, at + 1)) yield macFromBytes(page, at);
}

/** ACKs among datagrams, be they bare or in a frame. */
function acksOf(datagrams: readonly Buffer[]): readonly Ack[] {
  return datagrams.flatMap((bytes) => {
    const decoded = decodeDhcpMessage(bytes);
    if (!decoded.ok || optionU8(decoded.value.options, OPTION.messageType) !== MESSAGE_TYPE.ack) return [];
    return [{ mac: macFromBytes(decoded.value.chaddr), address: decoded.value.yiaddr }];
  });
}

/** Acknowledged leases that are not in the file that a power cut would leave now. */
function lost(
  files: VolatileFiles,
  survives: () => boolean,
  acknowledged: ReadonlyMap<MacAddress, Ipv4>,
  directory: string,
): readonly string[] {
  const { held } = afterPowerLoss(files, survives, directory);
  return [...acknowledged].flatMap(([mac, address]) =>
    held.get(address) === mac ? [] : [`${formatMac(mac)} ${formatIpv4(address)}`],
  );
}

/** The state after a power cut now: the clients by address, and the sequence up to which the log is folded. */
function afterPowerLoss(
  files: VolatileFiles,
  survives: () => boolean,
  directory: string,
): { readonly held: ReadonlyMap<Ipv4, MacAddress>; readonly folded: number } {
  const place = mkdtempSync(join(directory, 'cut-'));
  try {
    for (const name of FILES) {
      const content = files.afterPowerLoss(name, survives);
      if (content !== undefined) writeFileSync(join(place, name), content);
    }
    const held = new Map<Ipv4, MacAddress>();
    const database = new LeaseDatabase(join(place, LEASE_FILE));
    try {
      database.load((bytes) => {
        const records = decodeLeases(bytes);
        assert.ok(records.ok);
        for (const { lease } of records.value) if (lease.state === 'bound') held.set(lease.address, lease.mac);
      });
      return { held, folded: database.lastSequence - database.unfoldedCount };
    } finally {
      database.close();
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
