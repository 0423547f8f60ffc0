// Acts in the place of a remote region that does not answer: keeps the reports of enlisting machines, and serves the agent that makes such
// a report and the preseed with which an installer runs it. Sources: RFC 9110 §15.3.3 (202).
//
// 1. The rack keeps only reports that a machine may post without a key, and only from managed networks.
// 2. A machine gets 202 once its report is on disk, and otherwise 503, after which it tries again.
// 3. At most BODIES_MAX bodies are in memory at a time, shared out by `net/shares/body-places.ts`. A request without a place is passed on as
//    usual.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ipv4, MacAddress } from '../net/address.ts';
import { splitTarget } from '../net/region-http.ts';
import { answerText } from './answer.ts';
import { QUEUED_TEXT } from './answer-words.ts';
import type { NotKept } from './events.ts';
import { onGone, sendText } from './send.ts';

/** The largest report kept, in bytes: the region's own limit. */
export const KEPT_BYTES_MAX = 2 * 1024 * 1024;
/**
 * Reports in memory at a time, 32 MiB in all. That many machines of managed networks fill it; at the bound a machine that holds too many
 * places, or is late, loses one to a newcomer (503), so others wait some seconds at most. A report leaves once it is on disk or at the
 * region.
 */
export const BODIES_MAX = 16;

/** A report as received. */
export interface KeptReport {
  readonly peer: Ipv4;
  readonly contentType: string;
  /** In origin form, with the query. */
  readonly path: string;
  readonly body: Uint8Array;
  /** The boot token that the machine sent. */
  readonly token?: string | undefined;
  /** The interface it booted from, for which this rack vouches. */
  readonly bootMac?: MacAddress | undefined;
}

/** The port that keeps reports for a remote region. */
export interface RegionStandIn {
  /** True while the region is known to be away, so that it is not tried first. */
  isAway(): boolean;
  /** True for an address in a network of this rack, whatever its management, like `managedNetworks` of the region. */
  isManaged(address: Ipv4): boolean;
  /** Resolves to `undefined` once the report is on disk, else to the reason. Never rejects. */
  keep(report: KeptReport): Promise<NotKept | undefined>;
  /** The installed enlistment agent; `undefined` if there is none. */
  readonly agent: string | undefined;
  /** The installed preseed that makes an installer run the agent; `undefined` if there is none. */
  readonly preseed: string | undefined;
}

/** How the rack can handle a request without the region; `undefined` if it cannot. */
export function standInFor(request: IncomingMessage, origin: string): 'report' | 'agent' | 'preseed' | undefined {
  const { path, query } = splitTarget(origin);
  if (request.method === 'GET' && path === '/MAAS/rackboot/agent.sh') return 'agent';
  if (request.method === 'GET' && path === '/MAAS/rackboot/enlist.preseed') return 'preseed';
  if (request.method !== 'POST' || request.headers.authorization !== undefined) return undefined;
  if (Number(request.headers['content-length'] ?? 0) > KEPT_BYTES_MAX) return undefined;
  const operation = new URLSearchParams(query).get('op');
  if (/^\/MAAS\/api\/2\.0\/machines\/?$/.test(path)) return operation === null ? 'report' : undefined;
  // The operation may be a form field instead, which only the region reads. So only another operation in the query rules out a report.
  if (/^\/MAAS\/api\/1\.0\/nodes\/?$/.test(path))
    return operation === null || operation === 'new' ? 'report' : undefined;
  return undefined;
}

/** Reads a body to its end, after `first`; `undefined` if it is larger than KEPT_BYTES_MAX or its sender is gone. */
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

/** Answers that the report is queued on disk. */
export function answerQueued(response: ServerResponse): void {
  const answer = { status: 'queued', text: QUEUED_TEXT };
  sendText(response, 'POST', answerText(202, `${JSON.stringify(answer)}\n`, { 'Content-Type': 'application/json' }));
}

/** Answers with the agent or the preseed. */
export function answerScript(response: ServerResponse, kind: 'agent' | 'preseed', text: string): void {
  const type = kind === 'agent' ? 'text/x-shellscript' : 'text/plain';
  sendText(response, 'GET', answerText(200, text, { 'Content-Type': `${type}; charset=utf-8` }));
}
