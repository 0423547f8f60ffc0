// The control socket's operations on leases, for `rackboot leases`: listing them, importing those
// of another server, ending one early, and clearing an address that was set aside.
//
// 1. A list is produced TURN_LEASES at a time, in separate turns of the event loop, so a million
//    leases delay no datagram.
// 2. An imported lease that cannot be read, for example from another version of the command, is
//    reported by its line; the others are imported.
// 3. The answer to an import or an end is sent once the change is on disk.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import type { ControlAnswers, ControlRequest } from '../../control/requests.ts';
import { FOREIGN_TEXT_MAX, FOREIGN_WALL_MS_MAX, type ForeignLease } from '../../dhcp/import/foreign-lease.ts';
import { judgeBatch } from '../../dhcp/import/lease-batch.ts';
import type { ImportRefusal } from '../../dhcp/import/lease-import.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import {
  type LeaseFilter,
  type LeaseReport,
  matchesLease,
  parseLeaseFilter,
  type ReportFacts,
  reportLease,
} from '../../dhcp/leases/lease-report.ts';
import { reservedNames } from '../../dhcp/leases/reserved-name.ts';
import { formatMac, type Ipv4, ipv4, mac as macOf, parseIpv4 } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { ListInPieces } from '../../http/send.ts';
import type { LeaseCommands } from '../rack/lease-commands.ts';
import type { Rack } from '../rack/rack.ts';

/** The most leases in one import request. */
export const IMPORT_BATCH_MAX = 500;
/** Leases examined and listed in one turn: keeps the rack loop busy for about half a millisecond at most. */
export const TURN_LEASES = 128;
/** Addresses in a /16 block, which share their upper 16 bits. */
const BLOCK_ADDRESSES = 65_536;

const text = z.string().max(FOREIGN_TEXT_MAX).optional();
const wallMs = z.number().min(0).max(FOREIGN_WALL_MS_MAX).optional();
/** Identifies an entry even if the rest of it cannot be read. */
const lineShape = z.object({ line: z.int().min(0) });
const foreignShape = z.strictObject({
  ...lineShape.shape,
  address: z.int().min(0).max(0xffff_ffff).transform(ipv4),
  mac: z.int().min(1).max(0xffff_ffff_ffff).transform(macOf).optional(),
  state: z.enum(['bound', 'released', 'declined']),
  grantedWallMs: wallMs,
  expiresWallMs: wallMs,
  hostname: text,
  clientId: text,
  vendorClass: text,
  circuitId: text,
  remoteId: text,
});
const batchShape = z.strictObject({ dryRun: z.boolean(), leases: z.array(lineShape.loose()).max(IMPORT_BATCH_MAX) });

/**
 * The result of importing a batch. `left` lists unreadable entries first, then the refused ones in
 * the order of the batch.
 */
export interface ImportAnswer {
  readonly taken: number;
  readonly left: readonly { readonly line: number; readonly reason: ImportRefusal }[];
}

/** The parts of a running rack that are used here. */
export interface LeaseRack extends Pick<Rack, 'networks' | 'served' | 'machines' | 'leases' | 'findLease'> {
  readonly leaseCommands: Omit<LeaseCommands, 'applyChange'>;
}

interface Sources {
  readonly rack: () => LeaseRack | undefined;
  readonly clock: Pick<Clock, 'now' | 'wallTimeMs'>;
}

/**
 * The handlers by path. `GET /leases` lists leases by address, `GET /leases/lines` streams them
 * unordered; both take the criteria of `parseLeaseFilter`. `POST /leases/import` imports leases of
 * another server, `/leases/end?address=…` ends one, `/leases/clear?address=…` returns an address
 * that was set aside.
 */
export function makeLeaseAnswers(sources: Sources): ControlAnswers {
  return {
    '/leases': (request) => new ListInPieces(listByAddress(openListing(sources, request))),
    '/leases/lines': (request) => streamLines(openListing(sources, request)),
    'POST /leases/import': (request) => importLeases(sources, request),
    'POST /leases/end': (request) => endLease(sources, request),
    'POST /leases/clear': (request) => clearAddress(sources, request),
  };
}

interface Listing {
  readonly rack: LeaseRack;
  readonly filter: LeaseFilter;
  readonly facts: ReportFacts;
}

function openListing({ rack, clock }: Sources, { query }: ControlRequest): Listing | undefined {
  const runningRack = rack();
  if (runningRack === undefined) return undefined;
  const networks = runningRack.networks;
  const parsed = parseLeaseFilter((criterion) => query.get(criterion) ?? undefined, networks);
  if (!parsed.ok) throw new RackError('bad-argument', parsed.reason);
  const findMachineName = (mac: Lease['mac']): string | undefined => runningRack.machines.findByMac(mac)?.hostname;
  const facts = {
    now: clock.now(),
    wallMs: clock.wallTimeMs(),
    networks,
    machineName: findMachineName,
    reservedName: reservedNames(runningRack.served),
  };
  return { rack: runningRack, filter: parsed.filter, facts };
}

/** Collects only the addresses first, in blocks that are sorted in one turn each. */
async function* listByAddress(listing: Listing | undefined): AsyncGenerator<readonly LeaseReport[]> {
  if (listing === undefined) return;
  const { rack, filter, facts } = listing;
  const blocks = new Map<number, number[]>();
  for await (const piece of findMatchingLeases(listing)) {
    for (const { address } of piece) {
      const block = Math.floor(address / BLOCK_ADDRESSES);
      const blockAddresses = blocks.get(block);
      if (blockAddresses === undefined) blocks.set(block, [address]);
      else blockAddresses.push(address);
    }
  }
  for (const block of Uint32Array.from(blocks.keys()).sort()) {
    const addresses = Uint32Array.from(blocks.get(block) ?? []).sort();
    for (let start = 0; start < addresses.length; start += TURN_LEASES) {
      await nextTurn();
      const leases = Array.from(addresses.subarray(start, start + TURN_LEASES), (address) =>
        rack.findLease(ipv4(address)),
      );
      yield leases.flatMap((lease) =>
        lease !== undefined && matchesLease(lease, filter, facts) ? [reportLease(lease, facts)] : [],
      );
    }
  }
}

/** The last line is the number of leases: a list without it was cut off. */
async function* streamLines(listing: Listing | undefined): AsyncGenerator<readonly LeaseReport[] | number> {
  let count = 0;
  if (listing !== undefined) {
    for await (const piece of findMatchingLeases(listing)) {
      count += piece.length;
      yield piece.map((lease) => reportLease(lease, listing.facts));
    }
  }
  yield count;
}

/** Leases that match the filter, unordered; examines TURN_LEASES per turn. */
async function* findMatchingLeases({ rack, filter, facts }: Listing): AsyncGenerator<readonly Lease[]> {
  let matches: Lease[] = [];
  let examinedCount = 0;
  for (const lease of rack.leases()) {
    if (matchesLease(lease, filter, facts)) matches.push(lease);
    examinedCount += 1;
    if (examinedCount % TURN_LEASES !== 0) continue;
    if (matches.length > 0) yield matches;
    matches = [];
    await nextTurn();
  }
  if (matches.length > 0) yield matches;
}

async function importLeases({ rack, clock }: Sources, request: ControlRequest): Promise<ImportAnswer> {
  const runningRack = rack();
  if (runningRack === undefined) throw new RackError('store-unavailable', 'the rack is starting: try again');
  const { dryRun, leases, unreadable } = readBatch(await request.body());
  const facts = runningRack.leaseCommands.getImportFacts();
  const moment = { now: clock.now(), wallMs: clock.wallTimeMs() };
  const { taken, left } = judgeBatch(leases, facts, moment);
  if (!dryRun && taken.length > 0) await runningRack.leaseCommands.adopt(taken);
  return { taken: taken.length, left: [...unreadable, ...left] };
}

async function endLease(sources: Sources, request: ControlRequest): Promise<{ readonly mac: string }> {
  const { rack, address } = parseAddressRequest(sources, request);
  return { mac: formatMac((await rack.leaseCommands.end(address)).mac) };
}

async function clearAddress(sources: Sources, request: ControlRequest): Promise<{ readonly mac: string }> {
  const { rack, address } = parseAddressRequest(sources, request);
  return { mac: formatMac((await rack.leaseCommands.clear(address)).mac) };
}

function parseAddressRequest(
  { rack }: Sources,
  { query }: ControlRequest,
): { readonly rack: LeaseRack; readonly address: Ipv4 } {
  const address = parseIpv4(query.get('address') ?? '');
  if (address === undefined) throw new RackError('bad-argument', 'name the address');
  const runningRack = rack();
  if (runningRack === undefined) throw new RackError('store-unavailable', 'the rack is starting: try again');
  return { rack: runningRack, address };
}

interface Batch {
  readonly dryRun: boolean;
  readonly leases: readonly ForeignLease[];
  readonly unreadable: ImportAnswer['left'];
}

function readBatch(body: string): Batch {
  const parsed = batchShape.safeParse(parseBody(body));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RackError('bad-argument', `the leases cannot be read: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const leases: ForeignLease[] = [];
  const unreadable: { line: number; reason: ImportRefusal }[] = [];
  for (const importedLease of parsed.data.leases) {
    const lease = foreignShape.safeParse(importedLease);
    if (lease.success) leases.push(completeLease(lease.data));
    else unreadable.push({ line: importedLease.line, reason: 'entry-unreadable' });
  }
  return { dryRun: parsed.data.dryRun, leases, unreadable };
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new RackError('bad-argument', 'the leases are not JSON', { cause });
  }
}

/** Adds the fields that JSON omits because they are unknown. */
const completeLease = (lease: z.infer<typeof foreignShape>): ForeignLease => ({
  mac: undefined,
  grantedWallMs: undefined,
  expiresWallMs: undefined,
  hostname: undefined,
  clientId: undefined,
  vendorClass: undefined,
  circuitId: undefined,
  remoteId: undefined,
  ...lease,
});
