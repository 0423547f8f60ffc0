// Finds why a machine was last refused an address. `rackboot why` shows this next to what the machine would get now.
//
// 1. A refusal counts only if it is newer than every offer and lease.

import type { Instant } from '../../clock.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { isDhcpEvent } from '../../observe/protocol-events.ts';
import type { TimelineStep } from '../../observe/timeline.ts';
import { dhcpReason } from '../../region/reports/dhcp.ts';
import { lastRefusalText } from '../../region/reports/service.ts';

/** The last refusal of a machine's request for an address. */
export interface LastRefusal {
  /** When and why, with the hostname and port that the machine's message named. */
  readonly text: string;
  /** The reason in a sentence, with its remedy. */
  readonly remedy: string;
}

/** Finds the last refusal; undefined if the machine was not refused, or got an offer or a lease since. */
export function findLastRefusal(
  steps: readonly TimelineStep[],
  leases: readonly Lease[],
  now: Instant,
): LastRefusal | undefined {
  const last = steps.findLast(({ event: { kind } }) => isAnswer(kind) || isRefusal(kind));
  if (last === undefined || !isRefusal(last.event.kind) || !isDhcpEvent(last.event)) return undefined;
  if (leases.some(({ grantedAt }) => grantedAt > last.lastAt)) return undefined;
  const text = lastRefusalText({ ...last.event, agoMs: now - last.lastAt });
  return { text, remedy: dhcpReason(last.event.reason) };
}

const isAnswer = (kind: string): boolean => kind === 'dhcp.offer' || kind === 'dhcp.ack';
const isRefusal = (kind: string): boolean => kind === 'dhcp.refused' || kind === 'dhcp.nak';
