// How durable a DHCP server's lease is when its ACK leaves: the server's system calls are traced while clients get leases.
//
//   OFFER leaves ─ write to the lease file ─ fsync or fdatasync ─ ACK leaves        one client at a time, so that every call belongs to this lease
//
// 1. A sync counts from its end, an ACK from its beginning (`test/support/system-calls.ts`): nothing counts as safe too early.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../src/ground/clock.ts';
import { readSystemCalls, type SystemCall, tracing } from '../test/support/system-calls.ts';
import { TYPE, typeOfReply } from './dhcp-client.ts';
import type { DhcpLoad } from './dhcp-load.ts';
import type { Figure } from './figure.ts';
import type { Ground } from './ground.ts';
import { findProgram } from './peer.ts';

/** The number of traced leases, one at a time and concurrent. */
const ALONE = 50;
/** How long a slow server is traced; one without activity is not traced. */
const TRACED_MS = 6000;
const TOGETHER = 400;
const TOGETHER_IN_FLIGHT = 32;
/** The most new clients of each load. */
const CLIENTS_EACH = 800;
/** The name of each server's lease file or write-ahead log. */
const LEASE_FILE = /leases[^/]*$/;
const ATTACH_MS_MAX = 10_000;

/** The durability of leases, by their ACKs. */
interface Durability {
  readonly acks: number;
  /** ACKs sent after the lease file was written and then synced since the OFFER. */
  readonly syncedAcks: number;
  readonly syncs: number;
  readonly bytesWritten: number;
}

/** Traces the server while clients get leases. */
export async function traceDurability(
  ground: Ground,
  load: Omit<DhcpLoad, 'parts'>,
  directory: string,
): Promise<readonly Figure[]> {
  // Warm it up, so that its start is not traced.
  await ground.runLoad('dhcp-load.ts', { ...load, parts: [{ kind: 'lease', inFlight: 8, ms: 500, count: 300 }] });
  const alone = await tracedLoad(ground, load, directory, { inFlight: 1, count: ALONE, skip: CLIENTS_EACH });
  const together = await tracedLoad(ground, load, directory, {
    inFlight: TOGETHER_IN_FLIGHT,
    count: TOGETHER,
    skip: 2 * CLIENTS_EACH,
  });
  const named = (metric: string, unit: string, value: number): Figure => ({ metric: `traced, ${metric}`, unit, value });
  return [
    named('1 at a time: ACKs that leave after a sync of their lease', 'share', alone.syncedAcks / alone.acks),
    named('1 at a time: syncs for a lease', '', alone.syncs / alone.acks),
    named('1 at a time: bytes written to the lease file for a lease', 'B', alone.bytesWritten / alone.acks),
    named(`${TOGETHER_IN_FLIGHT} at a time: syncs for a lease`, '', together.syncs / together.acks),
  ];
}

async function tracedLoad(
  ground: Ground,
  load: Omit<DhcpLoad, 'parts'>,
  directory: string,
  { inFlight, count, skip }: { readonly inFlight: number; readonly count: number; readonly skip: number },
): Promise<Durability> {
  const file = join(directory, 'trace');
  const [, ...words] = tracing(file, ground.serverPid);
  const child = spawn(findProgram('strace', 'strace'), words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  try {
    await Promise.race([once(child.stderr, 'data'), sleep(ATTACH_MS_MAX)]);
    await sleep(300);
    await ground.runLoad('dhcp-load.ts', { ...load, skip, parts: [{ kind: 'lease', inFlight, ms: TRACED_MS, count }] });
  } finally {
    child.kill('SIGINT');
    await ended;
  }
  const durability = durabilityOf(readSystemCalls(file));
  if (durability.acks === 0) throw new Error(`no ACK was traced: ${tail(file)}`);
  rmSync(file);
  return durability;
}

const tail = (file: string): string => readFileSync(file, 'latin1').slice(-500);

/** Reads a trace in which clients get leases one after the other. */
export function durabilityOf(calls: readonly SystemCall[]): Durability {
  let since: 'offer' | 'write' | 'sync' = 'offer';
  let [acks, syncedAcks, syncs, bytesWritten] = [0, 0, 0, 0];
  for (const call of calls) {
    if (call.kind === 'write' && LEASE_FILE.test(call.path)) {
      bytesWritten += call.bytes.length;
      if (since === 'offer') since = 'write';
    } else if (call.kind === 'sync' && LEASE_FILE.test(call.path)) {
      syncs += 1;
      if (since === 'write') since = 'sync';
    } else if (call.kind === 'send') {
      const types = call.datagrams.map(typeOfReply);
      const acked = types.filter((type) => type === TYPE.ack).length;
      acks += acked;
      if (since === 'sync') syncedAcks += acked;
      if (types.some((type) => type !== undefined)) since = 'offer';
    }
  }
  return { acks, syncedAcks, syncs, bytesWritten };
}
