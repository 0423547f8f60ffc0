// What the control socket answers of leases, for `rackboot leases`: lists of them, and the taking over of those of another server.
//
// 1. A list is made in pieces with a turn of the event loop between: a million leases hold no datagram up.
// 2. Leases that are taken over are on disk when the answer says so.

import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { ForeignLease } from '../dhcp/import/foreign-lease.ts';
import { judgeBatch } from '../dhcp/import/lease-batch.ts';
import type { ImportRefusal } from '../dhcp/import/lease-import.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import {
  type LeaseFilter,
  type LeaseReport,
  matchesLease,
  parseLeaseFilter,
  type ReportFacts,
  reportLease,
} from '../dhcp/leases/lease-report.ts';
import { RackError } from '../errors.ts';
import type { ControlAnswers, ControlAsk } from '../http/control.ts';
import { ipv4, mac as macOf } from '../net/address.ts';
import type { Rack } from './rack.ts';

/** The most leases of one request to take them over. */
export const IMPORT_BATCH_MAX = 500;
/** Leases that are looked at in one turn. */
const TURN_LEASES = 256;

const text = z.string().max(1024).optional();
const wallMs = z.number().min(0).max(1e15).optional();
/** A lease of another server, as the command has read it. */
const foreignShape = z.strictObject({
  line: z.int().min(0),
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
const batchShape = z.strictObject({ dryRun: z.boolean(), leases: z.array(foreignShape).max(IMPORT_BATCH_MAX) });

/** What became of a batch: how many were taken, and what was left, in the order of the batch. */
export interface ImportAnswer {
  readonly taken: number;
  readonly left: readonly { readonly line: number; readonly reason: ImportRefusal }[];
}

interface Sources {
  readonly rack: () => Rack | undefined;
  readonly clock: Clock;
}

/**
 * `GET /leases` is a list, `GET /leases/lines` the same in lines of lists, both with the criteria of `parseLeaseFilter`;
 * `POST /leases/import` takes leases of another server over.
 */
export function leaseAnswers(sources: Sources): ControlAnswers {
  return {
    '/leases': (asked) => listLeases(sources, asked),
    '/leases/lines': (asked) => linesOf(sources, asked),
    'POST /leases/import': (asked) => importLeases(sources, asked),
  };
}

interface Listing {
  readonly rack: Rack;
  readonly filter: LeaseFilter;
  readonly facts: ReportFacts;
}

function openListing({ rack, clock }: Sources, { query }: ControlAsk): Listing | undefined {
  const running = rack();
  if (running === undefined) return undefined;
  const networks = running.networks;
  const parsed = parseLeaseFilter((criterion) => query.get(criterion) ?? undefined, networks);
  if (!parsed.ok) throw new RackError('bad-argument', parsed.reason);
  const machineName = (mac: Lease['mac']): string | undefined => running.machines.findByMac(mac)?.hostname;
  const facts = { now: clock.now(), wallMs: clock.wallTimeMs(), networks, machineName };
  return { rack: running, filter: parsed.filter, facts };
}

async function listLeases(sources: Sources, asked: ControlAsk): Promise<readonly LeaseReport[]> {
  const found: Lease[] = [];
  const listing = openListing(sources, asked);
  if (listing === undefined) return [];
  for await (const piece of wantedLeases(listing)) found.push(...piece);
  return found.sort((a, b) => a.address - b.address).map((lease) => reportLease(lease, listing.facts));
}

/** @throws RackError `bad-argument` at once, not with the first line */
function linesOf(sources: Sources, asked: ControlAsk): AsyncGenerator<readonly LeaseReport[] | number> {
  return linesFrom(openListing(sources, asked));
}

/** The last line is how many there were: a list without it was cut off. */
async function* linesFrom(listing: Listing | undefined): AsyncGenerator<readonly LeaseReport[] | number> {
  let count = 0;
  if (listing !== undefined) {
    for await (const piece of wantedLeases(listing)) {
      count += piece.length;
      yield piece.map((lease) => reportLease(lease, listing.facts));
    }
  }
  yield count;
}

/** Leases that the filter admits, in no particular order, TURN_LEASES looked at in a turn. */
async function* wantedLeases({ rack, filter, facts }: Listing): AsyncGenerator<readonly Lease[]> {
  let wanted: Lease[] = [];
  let seen = 0;
  for (const lease of rack.dhcp.records()) {
    if (matchesLease(lease, filter, facts)) wanted.push(lease);
    seen += 1;
    if (seen % TURN_LEASES !== 0) continue;
    if (wanted.length > 0) yield wanted;
    wanted = [];
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (wanted.length > 0) yield wanted;
}

async function importLeases({ rack, clock }: Sources, asked: ControlAsk): Promise<ImportAnswer> {
  const running = rack();
  if (running === undefined) throw new RackError('store-unavailable', 'the rack is starting: try again');
  const { dryRun, leases } = readBatch(await asked.body());
  const facts = running.importFacts();
  const moment = { now: clock.now(), wallMs: clock.wallTimeMs() };
  const { taken, left } = judgeBatch(leases, facts, moment);
  if (!dryRun && taken.length > 0) await running.adoptLeases(taken);
  return { taken: taken.length, left };
}

function readBatch(body: string): { readonly dryRun: boolean; readonly leases: readonly ForeignLease[] } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new RackError('bad-argument', 'the leases are not JSON', { cause });
  }
  const parsed = batchShape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RackError('bad-argument', `the leases cannot be read: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return { dryRun: parsed.data.dryRun, leases: parsed.data.leases.map(complete) };
}

/** What JSON leaves out is not known. */
const complete = (lease: z.infer<typeof foreignShape>): ForeignLease => ({
  ...{ mac: undefined, grantedWallMs: undefined, expiresWallMs: undefined, hostname: undefined, clientId: undefined },
  ...{ vendorClass: undefined, circuitId: undefined, remoteId: undefined },
  ...lease,
});
