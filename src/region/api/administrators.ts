// The requests whose sender was found to be an administrator. Only these are shown the texts of the database and the system in an outage.

import type { IncomingMessage } from 'node:http';
import type { Outage } from '../records/store-outage.ts';

const OF_ADMINISTRATORS = new WeakSet<IncomingMessage>();

/** Keeps that a request is an administrator's. */
export function noteAdministrator(request: IncomingMessage, sender: { readonly isAdmin: boolean }): void {
  if (sender.isAdmin) OF_ADMINISTRATORS.add(request);
}

/** The outage as the sender of a request may see it. */
export const shownOutage = (outage: Outage, request: IncomingMessage): Outage =>
  OF_ADMINISTRATORS.has(request) ? outage : withoutQuotes(outage);

/** Without the texts of the database and the system. A damaged row is named to all: the reason is this program's own text. */
export function withoutQuotes(outage: Outage): Outage {
  if (outage.note === 'row-unreadable') return outage;
  if ('said' in outage) return { ...outage, said: '' };
  return 'reason' in outage ? { ...outage, reason: '' } : outage;
}
