// Finds why a machine was last refused an address. `rackboot why` shows this next to what the
// machine would get now.
//
// 1. A refusal counts only if it is newer than every offer and lease.

import { dhcpReason } from '../../dhcp/events/sentences.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { Instant } from '../../ground/clock.ts';
import { formatSpan } from '../../ground/quantity.ts';
import { isDhcpEvent } from '../../observe/protocol-events.ts';
import type { TimelineStep } from '../../observe/timeline.ts';

/** Finds the last refusal; `undefined` if the machine was not refused, or got an offer or a lease since. */
export function findLastRefusal(
  steps: readonly TimelineStep[],
  leases: readonly Lease[],
  now: Instant,
): { readonly text: string; readonly remedy: string } | undefined {
  const lastStep = steps.findLast(
    ({ event: { kind } }) => kind === 'dhcp.offer' || kind === 'dhcp.ack' || isRefusalKind(kind),
  );
  if (lastStep === undefined || !isRefusalKind(lastStep.event.kind) || !isDhcpEvent(lastStep.event)) return undefined;
  if (leases.some(({ grantedAt }) => grantedAt > lastStep.lastAt)) return undefined;
  const { reason, classes, hostname, circuitId, remoteId } = lastStep.event;
  const hostnameText = hostname === undefined ? '' : `, as ${hostname}`;
  const portText = circuitId === undefined ? '' : `, at port ${circuitId}`;
  const remoteText = remoteId === undefined ? '' : `, behind ${remoteId}`;
  const reasonText = `${reason ?? 'no reason was given'}${classes === undefined ? '' : ` (${classes})`}`;
  const text = `was refused ${formatSpan(now - lastStep.lastAt)} ago: ${reasonText}${hostnameText}${portText}${remoteText}`;
  return { text, remedy: dhcpReason(reason) };
}

const isRefusalKind = (kind: string): boolean => kind === 'dhcp.refused' || kind === 'dhcp.nak';
