// What the rack does in the place of a remote region that does not answer: it keeps the report of a machine that enlists, and hands out
// the agent that makes such a report, and the preseed that has an installer run it. Sources: RFC 9110 §15.3.3 (202).
//
// 1. Only what a machine may post without any key is kept, and only of a machine in a managed network.
// 2. A machine is told 202 when its report is on disk, and 503 otherwise: it asks again.
// 3. At most BODIES_MAX bodies are held in memory at a time, shared out by `net/body-places.ts`; of who gets no place the request is passed
//    on as ever.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ipv4, MacAddress } from '../net/address.ts';
import { answerText } from './answer.ts';
import { onGone, sendText } from './send.ts';

/** The largest report that is kept, in bytes: what the region takes. */
export const KEPT_BYTES_MAX = 2 * 1024 * 1024;
/**
 * Reports that are held in memory at a time, 32 MiB in all. As many machines of managed networks fill it; at the bound whoever holds too
 * many, or is late, loses one to a newcomer (503), so others wait some seconds at the most. It empties when a report is on disk or with
 * the region.
 */
export const BODIES_MAX = 16;

/** A report as it came. */
export interface KeptReport {
  readonly peer: Ipv4;
  readonly contentType: string;
  /** In origin form, with the query. */
  readonly path: string;
  readonly body: Uint8Array;
  /** The token of its boot, as the machine gave it. */
  readonly token?: string | undefined;
  /** The interface by which it was booted, for which this rack vouches. */
  readonly bootMac?: MacAddress | undefined;
}

/** The port to what keeps reports for a remote region. */
export interface RegionStandIn {
  /** True: it is known not to take anything at the moment, and is not asked first. */
  isAway(): boolean;
  /** True for an address in a network of this rack, whatever its management: as `managedNetworks` of the region. */
  isManaged(address: Ipv4): boolean;
  /** Undefined: it is on disk; else why it is not. Never rejects. */
  keep(report: KeptReport): Promise<string | undefined>;
  /** The enlistment agent of this installation; undefined: it has none. */
  readonly agent: string | undefined;
  /** What makes an installer run the agent; undefined: this installation has none. */
  readonly preseed: string | undefined;
}

/** What can be done without the region for a request; undefined: nothing. */
export function standInFor(request: IncomingMessage, origin: string): 'report' | 'agent' | 'preseed' | undefined {
  const [path = '', query = ''] = origin.split('?', 2);
  if (request.method === 'GET' && path === '/MAAS/rackboot/agent.sh') return 'agent';
  if (request.method === 'GET' && path === '/MAAS/rackboot/enlist.preseed') return 'preseed';
  if (request.method !== 'POST' || request.headers.authorization !== undefined) return undefined;
  if (Number(request.headers['content-length'] ?? 0) > KEPT_BYTES_MAX) return undefined;
  const operation = new URLSearchParams(query).get('op');
  if (/^\/MAAS\/api\/2\.0\/machines\/?$/.test(path)) return operation === null ? 'report' : undefined;
  // The operation may also be a field of the form (the region decides); a name in the query that is another one is not ours.
  if (/^\/MAAS\/api\/1\.0\/nodes\/?$/.test(path))
    return operation === null || operation === 'new' ? 'report' : undefined;
  return undefined;
}

/** The rest of a body of which `first` was read; undefined: it is larger than KEPT_BYTES_MAX, or its sender went away. */
export function readRest(
  request: IncomingMessage,
  response: ServerResponse,
  first: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const chunks = [...first];
    let bytes = first.reduce((sum, chunk) => sum + chunk.length, 0);
    const finish = (body: Uint8Array | undefined): void => {
      forget();
      resolve(body);
    };
    const forget = onGone(response, () => finish(undefined));
    request.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > KEPT_BYTES_MAX) finish(undefined);
      else chunks.push(chunk);
    });
    request.on('end', () => finish(Buffer.concat(chunks)));
    request.on('error', () => finish(undefined));
    // It is paused when a part of it was read before.
    request.resume();
  });
}

/** Tells a machine that its report waits on disk. */
export function answerQueued(response: ServerResponse): void {
  const told = { status: 'queued', text: 'the region is away; this rack keeps the report for it' };
  sendText(response, 'POST', answerText(202, `${JSON.stringify(told)}\n`, { 'Content-Type': 'application/json' }));
}

/** Hands out the agent or the preseed. */
export function answerScript(response: ServerResponse, kind: 'agent' | 'preseed', text: string): void {
  const type = kind === 'agent' ? 'text/x-shellscript' : 'text/plain';
  sendText(response, 'GET', answerText(200, text, { 'Content-Type': `${type}; charset=utf-8` }));
}
