// Acts in the place of a remote region that does not answer: keeps reports of enlisting machines,
// and serves the agent that makes them and the preseed with which an installer runs it. Sources:
// RFC 9110 §15.3.3 (202).
//
// 1. Only reports that need no key are kept, and only from managed networks.
// 2. A machine gets 202 once its report is on disk, and otherwise 503, after which it tries again.
// 3. BODIES_MAX bodies in memory are shared out by `net/shares/body-places.ts`; a request without a
//    place is passed on.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ipv4, MacAddress } from '../ground/address.ts';
import { splitTarget } from '../net/region-http.ts';
import { answerText } from './answer.ts';
import { QUEUED_TEXT } from './answer-words.ts';
import type { NotKept } from './events.ts';
import { onGone, sendText } from './send.ts';

/** The largest report kept, in bytes: the region's own limit. */
export const KEPT_BYTES_MAX = 2 * 1024 * 1024;
/**
 * Reports in memory at a time, 32 MiB in all. That many machines of managed networks fill it; at
 * the bound a machine with too many places, or a late one, loses one to a newcomer (503), so others
 * wait some seconds. A report leaves once it is on disk or at the region.
 */
export const BODIES_MAX = 16;

export interface KeptReport {
  readonly peer: Ipv4;
  readonly contentType: string;
  /** In origin form, with the query. */
  readonly path: string;
  readonly body: Uint8Array;
  readonly token?: string | undefined;
  /** The interface it booted from, for which this rack vouches. */
  readonly bootMac?: MacAddress | undefined;
}

export interface RegionStandIn {
  /** True while the region is known to be away, and not tried first. */
  isAway(): boolean;
  /**
   * True for an address in a network of this rack, whatever its management, like `managedNetworks`
   * of the region.
   */
  isManaged(address: Ipv4): boolean;
  /** `undefined` once the report is on disk, else the reason. Never rejects. */
  keep(report: KeptReport): Promise<NotKept | undefined>;
  /** The installed enlistment agent. */
  readonly agent: string | undefined;
  /** The installed preseed with which an installer runs the agent. */
  readonly preseed: string | undefined;
}

/** `undefined` if the rack cannot handle the request without the region. */
export function standInFor(request: IncomingMessage, origin: string): 'report' | 'agent' | 'preseed' | undefined {
  const { path, query } = splitTarget(origin);
  if (request.method === 'GET' && path === '/MAAS/rackboot/agent.sh') return 'agent';
  if (request.method === 'GET' && path === '/MAAS/rackboot/enlist.preseed') return 'preseed';
  if (request.method !== 'POST' || request.headers.authorization !== undefined) return undefined;
  if (Number(request.headers['content-length'] ?? 0) > KEPT_BYTES_MAX) return undefined;
  const operation = new URLSearchParams(query).get('op');
  if (/^\/MAAS\/api\/2\.0\/machines\/?$/.test(path)) return operation === null ? 'report' : undefined;
  // The operation may be a form field instead, which only the region reads. So only another
  // operation in the query rules a report out.
  if (/^\/MAAS\/api\/1\.0\/nodes\/?$/.test(path))
    return operation === null || operation === 'new' ? 'report' : undefined;
  return undefined;
}

/** `undefined` if the body is larger than KEPT_BYTES_MAX or its sender is gone. */
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
    // A body read in part is paused.
    request.resume();
  });
}

export function answerQueued(response: ServerResponse): void {
  const answer = { status: 'queued', text: QUEUED_TEXT };
  sendText(response, 'POST', answerText(202, `${JSON.stringify(answer)}\n`, { 'Content-Type': 'application/json' }));
}

export function answerScript(response: ServerResponse, kind: 'agent' | 'preseed', text: string): void {
  const type = kind === 'agent' ? 'text/x-shellscript' : 'text/plain';
  sendText(response, 'GET', answerText(200, text, { 'Content-Type': `${type}; charset=utf-8` }));
}
