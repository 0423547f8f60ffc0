// A message's reply and event.

import type { DhcpDecision } from './answers/decision.ts';
import type { Heard } from './answers/refusal-event.ts';
import { encodeReply } from './answers/reply.ts';
import type { DhcpEvent } from './events/events.ts';
import type { Lease } from './leases/lease.ts';
import type { LeaseTable } from './leases/lease-table.ts';
import type { Reply } from './responder-deps.ts';

export type ReplyDecision = Extract<DhcpDecision, { kind: 'reply' }>;

export interface Outcome {
  readonly reply: Reply | undefined;
  readonly event: DhcpEvent;
  /** The client gets an offer that it has, or asks again for what it got. */
  readonly isRepeat?: boolean | undefined;
  /** If the rack's own finding cannot be stored, no datagram is refused: the rack will find it again. */
  readonly isFound?: boolean;
}

/** Waits for the disk. */
export interface WaitingOutcome extends Outcome {
  readonly lease: Lease | undefined;
}

/** The reply, ready to send; the event names the options that did not fit. */
export function composeOutcome(decision: ReplyDecision, { message, arrival }: Heard): Outcome {
  const encoded = encodeReply(decision.message, message);
  const omitted = encoded.omitted.length === 0 ? undefined : encoded.omitted.join(' ');
  const { subnet } = decision.served;
  return {
    reply: {
      datagram: { bytes: encoded.bytes, to: decision.destination, source: subnet.serverAddress },
      arrival,
      interfaceName: subnet.interfaceName,
    },
    event: omitted === undefined ? decision.event : { ...decision.event, omitted },
    isRepeat: decision.isRepeat,
  };
}

/** False for an ACK whose lease was taken back: another client may have it by now. */
export function isInForce({ reply, lease }: WaitingOutcome, table: LeaseTable): boolean {
  if (reply === undefined || lease === undefined) return true;
  const current = table.find(lease.address);
  return current?.state === 'bound' && table.getIdentity(current) === table.getIdentity(lease);
}

export function listReplies(outcomes: readonly Outcome[]): readonly Reply[] {
  const replies: Reply[] = [];
  for (const { reply } of outcomes) if (reply !== undefined) replies.push(reply);
  return replies;
}
