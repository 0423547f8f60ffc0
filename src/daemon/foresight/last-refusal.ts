// What kept a machine from an address last: `rackboot why` foresees what it would get, and this is what it did not get.
//
// 1. Only a refusal that nothing followed counts: no offer and no lease is newer.

import type { Instant } from '../../clock.ts';
import type { DhcpEvent } from '../../dhcp/events.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { formatSpan } from '../../observe/quantity.ts';
import { dhcpReason, isDhcpEvent } from '../../observe/sentences/dhcp.ts';
import type { TimelineStep } from '../../observe/timeline.ts';

/** The last message of a machine that got no address. */
export interface LastRefusal {
  /** When, why, and what the machine called itself. */
  readonly text: string;
  /** The reason in a sentence, with what would cure it. */
  readonly remedy: string;
}

/** The last refusal; undefined: the machine was not refused, or had an offer or a lease since. */
export function findLastRefusal(
  steps: readonly TimelineStep[],
  leases: readonly Lease[],
  now: Instant,
): LastRefusal | undefined {
  const last = steps.findLast(({ event: { kind } }) => isAnswer(kind) || isRefusal(kind));
  if (last === undefined || !isRefusal(last.event.kind) || !isDhcpEvent(last.event)) return undefined;
  if (leases.some(({ grantedAt }) => grantedAt > last.lastAt)) return undefined;
  const ago = formatSpan(now - last.lastAt);
  return { text: `was refused ${ago} ago: ${reasonOf(last.event)}`, remedy: dhcpReason(last.event.reason) };
}

const isAnswer = (kind: string): boolean => kind === 'dhcp.offer' || kind === 'dhcp.ack';
const isRefusal = (kind: string): boolean => kind === 'dhcp.refused' || kind === 'dhcp.nak';

function reasonOf({ reason, classes, hostname, circuitId, remoteId }: DhcpEvent): string {
  const who = hostname === undefined ? '' : `, as ${hostname}`;
  const at = circuitId === undefined ? '' : `, at port ${circuitId}`;
  const behind = remoteId === undefined ? '' : `, behind ${remoteId}`;
  return `${reason ?? 'no reason was given'}${classes === undefined ? '' : ` (${classes})`}${who}${at}${behind}`;
}
